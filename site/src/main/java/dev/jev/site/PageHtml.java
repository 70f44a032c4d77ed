package dev.jev.site;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.commonmark.ext.gfm.tables.TableBlock;
import org.commonmark.ext.gfm.tables.TableCell;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.CustomBlock;
import org.commonmark.node.CustomNode;
import org.commonmark.node.FencedCodeBlock;
import org.commonmark.node.Heading;
import org.commonmark.node.HtmlBlock;
import org.commonmark.node.HtmlInline;
import org.commonmark.node.Image;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.renderer.html.HtmlRenderer;

/** The body of a document as HTML, whose links lead to pages of the site. */
final class PageHtml extends AbstractVisitor {

  private final Page page;
  private final Documents documents;
  private final Api api;
  private final Set<String> files = new LinkedHashSet<>();
  private final List<String> faults = new ArrayList<>();
  private final String body;

  PageHtml(Page page, Documents documents, Api api) throws IOException {
    this.page = Page.of(page.path(), documents.text(page.path()));
    this.documents = documents;
    this.api = api;
    this.page.document().accept(this);
    body =
        HtmlRenderer.builder()
            .extensions(List.of(TablesExtension.create()))
            .attributeProviderFactory(
                context ->
                    (node, tag, attributes) ->
                        this.page.idOf(node).ifPresent(id -> attributes.put("id", id)))
            .build()
            .render(this.page.document());
  }

  String body() {
    return body;
  }

  /** Returns the files and folders of the repository that the page links to, without documents. */
  Set<String> files() {
    return files;
  }

  @Override
  public void visit(Heading heading) {
    page.idOf(heading)
        .filter(id -> heading.getLevel() > 1)
        .ifPresent(
            id ->
                heading.appendChild(
                    html("<a class=\"anchor\" href=\"#" + id + "\" aria-hidden=\"true\">#</a>")));
  }

  @Override
  public void visit(Link link) {
    link.setDestination(site(link.getDestination()));
  }

  @Override
  public void visit(Image image) {
    image.setDestination(site(image.getDestination()));
  }

  private String site(String destination) {
    return Target.of(page, destination)
        .map(
            target -> {
              boolean picture = target.path().endsWith(".svg");
              if (!target.path().endsWith(".md") && !target.path().isEmpty()) {
                files.add(target.path());
              }
              String to = picture ? target.path() : Site.pageOf(documents.root(), target.path());
              String anchor = target.anchor().isEmpty() ? "" : "#" + target.anchor();
              return relative(Site.pageOf(page.path()), to) + anchor;
            })
        .orElse(destination);
  }

  /** Returns the way from one page to another. */
  static String relative(String from, String to) {
    Path folder = Path.of("/" + from).resolveSibling("");
    return Page.slashes(folder.relativize(Path.of("/" + to)));
  }

  /** Returns a line per method that the page names and the API lacks. */
  List<String> faults() {
    return faults;
  }

  @Override
  public void visit(Code code) {
    if (api.lacks(code.getLiteral())) {
      faults.add(page.path() + ": no such method: " + code.getLiteral());
    }
    api.find(code.getLiteral())
        .ifPresent(
            place -> {
              Link link = new Link(relative(Site.pageOf(page.path()), "api/" + place), null);
              code.insertBefore(link);
              link.appendChild(code);
            });
  }

  @Override
  public void visit(CustomNode node) {
    if (!(node instanceof TableCell cell) || isOurs(cell)) {
      visitChildren(node);
    } else {
      links(node);
    }
  }

  /** A table with a column "Jev" compares: names in the other columns are not those of Jev. */
  private static boolean isOurs(TableCell cell) {
    Node row = cell.getParent();
    Node head = row.getParent().getParent().getFirstChild().getFirstChild();
    List<String> titles = children(head).map(Page::textOf).toList();
    int column = children(row).toList().indexOf(cell);
    return !titles.contains("Jev") || (column < titles.size() && titles.get(column).equals("Jev"));
  }

  private static Stream<Node> children(Node parent) {
    return Stream.iterate(parent.getFirstChild(), node -> node != null, Node::getNext);
  }

  private void links(Node cell) {
    children(cell).filter(Link.class::isInstance).map(Link.class::cast).forEach(this::visit);
  }

  @Override
  public void visit(CustomBlock block) {
    visitChildren(block);
    if (block instanceof TableBlock) {
      block.insertBefore(block("<div class=\"table\" tabindex=\"0\" role=\"region\">"));
      block.insertAfter(block("</div>"));
    }
  }

  @Override
  public void visit(FencedCodeBlock code) {
    String language = code.getInfo().replaceFirst(" .*", "").toLowerCase(Locale.ROOT);
    code.insertBefore(
        block(
            "<pre tabindex=\"0\"><code>"
                + Highlighter.html(language, code.getLiteral())
                + "</code></pre>"));
    code.unlink();
  }

  private static HtmlBlock block(String literal) {
    HtmlBlock block = new HtmlBlock();
    block.setLiteral(literal);
    return block;
  }

  private static HtmlInline html(String literal) {
    HtmlInline inline = new HtmlInline();
    inline.setLiteral(literal);
    return inline;
  }
}
