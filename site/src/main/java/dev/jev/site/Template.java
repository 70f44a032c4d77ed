package dev.jev.site;

import static dev.jev.site.Highlighter.escape;

import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.stream.Collectors;

/** The frame of all pages: the bar on top, the list of pages, the sections of the page. */
final class Template {

  private final Path root;
  private final Index index;
  private final String version;
  private final boolean javadoc;

  Template(Path root, Index index, String version, boolean javadoc) {
    this.root = root;
    this.index = index;
    this.version = version;
    this.javadoc = javadoc;
  }

  String document(Page page, String body) {
    String path = Site.pageOf(page.path());
    List<Page.Anchor> sections =
        page.headings().stream().filter(heading -> heading.node().getLevel() == 2).toList();
    if (sections.size() < 2) {
      return frame(path, page.title(), summary(page), body + neighbours(page), "");
    }
    String list =
        sections.stream()
            .map(s -> "<li><a href=\"#" + s.id() + "\">" + escape(s.text()) + "</a></li>\n")
            .collect(Collectors.joining("", "<ul>\n", "</ul>\n"));
    String folded =
        "</h1>\n<details class=\"contents\">\n<summary>On this page</summary>\n"
            + list
            + "</details>\n";
    String beside =
        "<nav class=\"sections\" aria-label=\"On this page\">\n<p>On this page</p>\n"
            + list
            + "</nav>\n";
    String text = body.replaceFirst("</h1>\n", Matcher.quoteReplacement(folded));
    return frame(path, page.title(), summary(page), text + neighbours(page), beside);
  }

  private String summary(Page page) {
    return index.entries().stream()
        .filter(entry -> entry.path().equals(page.path()))
        .map(Index.Entry::summary)
        .findFirst()
        .orElse(page.title());
  }

  /** Returns links to the pages before and after, in the order of the index. */
  private String neighbours(Page page) {
    List<Index.Entry> all = index.entries();
    List<String> paths = all.stream().map(Index.Entry::path).toList();
    int here = paths.indexOf(page.path());
    if (here < 0) {
      return "";
    }
    String from = Site.pageOf(page.path());
    String before = here == 0 ? "" : neighbour("prev", "Previous", from, all.get(here - 1));
    String after = here == all.size() - 1 ? "" : neighbour("next", "Next", from, all.get(here + 1));
    return "<div class=\"neighbours\">\n" + before + after + "</div>\n";
  }

  private static String neighbour(String rel, String word, String from, Index.Entry entry) {
    return "<a rel=\"%s\" href=\"%s\"><span>%s</span>%s</a>\n"
        .formatted(rel, to(from, Site.pageOf(entry.path())), word, escape(entry.title()));
  }

  String file(String path, String code) {
    String name = path.substring(path.lastIndexOf('/') + 1);
    String body =
        fileTitle(path) + "<p><a href=\"" + escape(name) + "\" download>Download</a></p>\n";
    return frame(
        path + ".html",
        name,
        path,
        body + "<pre class=\"whole\" tabindex=\"0\"><code>" + code + "</code></pre>\n",
        "");
  }

  String fileTitle(String path) {
    return "<h1 class=\"file\">" + escape(path) + "</h1>\n";
  }

  String folder(String path, String above, List<String> files) {
    String from = path + "/index.html";
    String list =
        files.stream()
            .map(
                file ->
                    "<li><a href=\"%s\">%s</a></li>\n"
                        .formatted(
                            to(from, Site.pageOf(root, file)),
                            escape(file.substring(path.length() + 1))))
            .collect(Collectors.joining("", "<ul>\n", "</ul>\n"));
    return frame(from, path, path, above + list, "");
  }

  private String frame(String path, String title, String summary, String body, String onPage) {
    StringBuilder pages = new StringBuilder();
    for (Index.Section section : index.sections()) {
      pages.append("<p>").append(escape(section.title())).append("</p>\n<ul>\n");
      for (Index.Entry entry : section.entries()) {
        String page = Site.pageOf(entry.path());
        pages
            .append("<li><a href=\"")
            .append(to(path, page))
            .append(page.equals(path) ? "\" aria-current=\"page\">" : "\">")
            .append(escape(entry.title()))
            .append("</a></li>\n");
      }
      pages.append("</ul>\n");
    }
    String api = javadoc ? "<a href=\"" + to(path, "api/index.html") + "\">API</a>\n" : "";
    return """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="description" content="%1$s">
        <title>%2$s</title>
        <link rel="stylesheet" href="%3$s">
        </head>
        <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header>
        <a class="brand" href="%4$s">Jev</a>
        <span class="version">%5$s</span>
        <a class="to-pages" href="#pages">Pages</a>
        <a class="to-index" href="%6$s">Documents</a>
        %7$s</header>
        <div class="columns">
        <main id="content">
        %8$s</main>
        %9$s<nav class="pages" id="pages" aria-label="Pages">
        %10$s</nav>
        </div>
        </body>
        </html>
        """
        .formatted(
            escape(summary),
            escape(title.equals("Jev") ? "Jev" : title + " - Jev"),
            to(path, "site.css"),
            to(path, "index.html"),
            escape(version),
            to(path, "docs/index.html"),
            api,
            body,
            onPage,
            pages);
  }

  private static String to(String from, String page) {
    return escape(PageHtml.relative(from, page));
  }
}
