package dev.jev.site;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.commonmark.node.BulletList;
import org.commonmark.node.Heading;
import org.commonmark.node.Link;
import org.commonmark.node.Node;

/**
 * The pages by task, as docs/README.md lists them.
 *
 * @param sections in the order of the page
 */
record Index(List<Section> sections) {

  /**
   * A task of the reader.
   *
   * @param title the heading
   * @param entries one per page
   */
  record Section(String title, List<Entry> entries) {}

  /**
   * A page.
   *
   * @param title the text of the link
   * @param path relative to the repository
   * @param summary the text after the link
   */
  record Entry(String title, String path, String summary) {}

  /** Reads the lists below headings of the second level: the first link of each item is a page. */
  static Index of(Page page) {
    List<Section> sections = new ArrayList<>();
    for (Node node = page.document().getFirstChild(); node != null; node = node.getNext()) {
      if (node instanceof Heading heading && heading.getLevel() == 2) {
        sections.add(new Section(Page.textOf(heading), new ArrayList<>()));
      } else if (node instanceof BulletList && !sections.isEmpty()) {
        for (Node item = node.getFirstChild(); item != null; item = item.getNext()) {
          entry(page, item).ifPresent(sections.get(sections.size() - 1).entries()::add);
        }
      }
    }
    return new Index(List.copyOf(sections));
  }

  private static Optional<Entry> entry(Page page, Node item) {
    Node paragraph = item.getFirstChild();
    if (paragraph != null && paragraph.getFirstChild() instanceof Link link) {
      String text = Page.textOf(link);
      String summary = Page.textOf(item).substring(text.length()).replaceFirst("^:\\s*", "");
      return Target.of(page, link.getDestination())
          .map(target -> new Entry(text, target.path(), summary));
    }
    return Optional.empty();
  }

  List<Entry> entries() {
    return sections.stream().flatMap(section -> section.entries().stream()).toList();
  }
}
