package dev.jev.site;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.ext.heading.anchor.IdGenerator;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.Heading;
import org.commonmark.node.Image;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.node.SoftLineBreak;
import org.commonmark.node.Text;
import org.commonmark.parser.Parser;

/**
 * A document in Markdown.
 *
 * @param path relative to the repository, with slashes
 * @param document its nodes
 * @param headings in the order of the page
 */
record Page(String path, Node document, List<Anchor> headings) {

  private static final Parser PARSER =
      Parser.builder().extensions(List.of(TablesExtension.create())).build();

  /**
   * A heading, with the anchor that GitHub gives it.
   *
   * @param node the heading itself
   * @param text its text, without markup
   * @param id the anchor, unique on the page
   */
  record Anchor(Heading node, String text, String id) {}

  static Page of(String path, String markdown) {
    Node document = PARSER.parse(markdown);
    List<Anchor> headings = new ArrayList<>();
    IdGenerator ids = IdGenerator.builder().build();
    document.accept(
        new AbstractVisitor() {
          @Override
          public void visit(Heading heading) {
            String text = textOf(heading);
            headings.add(new Anchor(heading, text, ids.generateId(text)));
          }
        });
    return new Page(path, document, List.copyOf(headings));
  }

  /** Reads all documents of a repository, without those of folders that a build or a tool makes. */
  static List<Page> readAll(Path root) throws IOException {
    List<Page> pages = new ArrayList<>();
    for (Path file : filesBelow(root)) {
      if (file.toString().endsWith(".md")) {
        pages.add(of(slashes(root.relativize(file)), Files.readString(file)));
      }
    }
    return pages;
  }

  /** Returns the files of a folder and its folders, in order, without built ones. */
  static List<Path> filesBelow(Path folder) throws IOException {
    List<Path> files = new ArrayList<>();
    List<Path> entries;
    try (Stream<Path> children = Files.list(folder)) {
      entries = children.sorted().toList();
    }
    for (Path entry : entries) {
      String name = entry.getFileName().toString();
      if (Files.isRegularFile(entry)) {
        files.add(entry);
      } else if (Files.isDirectory(entry)
          && !name.equals("target")
          && !name.equals("node_modules")
          && (!name.startsWith(".") || name.equals(".github"))) {
        files.addAll(filesBelow(entry));
      }
    }
    return files;
  }

  static String slashes(Path path) {
    return path.toString().replace('\\', '/');
  }

  String title() {
    return headings.stream().findFirst().map(Anchor::text).orElse(path);
  }

  boolean hasAnchor(String id) {
    return headings.stream().anyMatch(heading -> heading.id().equals(id));
  }

  Optional<String> idOf(Node node) {
    return headings.stream().filter(h -> h.node() == node).map(Anchor::id).findFirst();
  }

  /** Returns the destinations of links and pictures, in order. */
  List<String> destinations() {
    List<String> all = new ArrayList<>();
    document.accept(
        new AbstractVisitor() {
          @Override
          public void visit(Link link) {
            all.add(link.getDestination());
            visitChildren(link);
          }

          @Override
          public void visit(Image image) {
            all.add(image.getDestination());
          }
        });
    return all;
  }

  static String textOf(Node node) {
    StringBuilder text = new StringBuilder();
    node.accept(
        new AbstractVisitor() {
          @Override
          public void visit(Text literal) {
            text.append(literal.getLiteral());
          }

          @Override
          public void visit(Code literal) {
            text.append(literal.getLiteral());
          }

          @Override
          public void visit(SoftLineBreak end) {
            text.append(' ');
          }
        });
    return text.toString();
  }
}
