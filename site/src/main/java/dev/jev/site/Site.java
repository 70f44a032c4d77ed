package dev.jev.site;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Makes pages of the documents of a repository, and of the files that they link to. No page needs a
 * network or a script.
 */
final class Site {

  /** The longest file that becomes a page; a longer one is only copied. */
  private static final long MAX_SHOWN_BYTES = 100_000;

  private final Documents documents;
  private final Path out;
  private final Api api;
  private final Template template;
  private final List<String> faults = new ArrayList<>();
  private final Set<String> linked = new LinkedHashSet<>();

  private Site(Documents documents, Path out, Api api, String version) {
    this.documents = documents;
    this.out = out;
    this.api = api;
    template = new Template(documents.root(), documents.index(), version, !api.isEmpty());
  }

  /**
   * Writes a site with Javadoc, and fails if a link of it is broken.
   *
   * @param arguments the repository, the folder for the site, and the version
   */
  public static void main(String[] arguments) throws IOException {
    Path root = Path.of(arguments[0]).toRealPath();
    Path out = Path.of(arguments[1]).toAbsolutePath();
    delete(out);
    List<Path> jars =
        Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(Path::of)
            .filter(path -> path.toString().endsWith(".jar"))
            .filter(path -> !path.getFileName().toString().startsWith("commonmark"))
            .toList();
    Api api = Api.write(root, out.resolve("api"), jars);
    Documents documents = new Documents(root);
    List<String> faults = new ArrayList<>(documents.faults());
    faults.addAll(write(documents, out, api, arguments[2]));
    faults.addAll(SiteLinks.faults(out));
    if (!faults.isEmpty()) {
      faults.forEach(System.err::println);
      System.exit(1);
    }
    System.out.println(out.resolve("index.html"));
  }

  /**
   * Writes the pages beside the Javadoc, which is in the folder "api".
   *
   * @return a line per method that documents name and the API lacks
   */
  static List<String> write(Documents documents, Path out, Api api, String version)
      throws IOException {
    Site site = new Site(documents, out, api, version);
    site.write();
    return List.copyOf(site.faults);
  }

  private void write() throws IOException {
    put("site.css", resource("colors.css") + resource("site.css"));
    for (Page page : documents.pages()) {
      if (!page.path().startsWith(".")) {
        PageHtml html = new PageHtml(page, documents, api);
        put(pageOf(page.path()), template.document(page, html.body()));
        linked.addAll(html.files());
        faults.addAll(html.faults());
      }
    }
    Deque<String> rest = new ArrayDeque<>(linked);
    while (!rest.isEmpty()) {
      String path = rest.remove();
      Path source = documents.root().resolve(path);
      if (Files.isDirectory(source)) {
        List<String> below =
            Page.filesBelow(source).stream()
                .map(file -> Page.slashes(documents.root().relativize(file)))
                .filter(file -> !file.endsWith(".md"))
                .toList();
        Optional<Page> introduction = documents.page(path + "/README.md");
        String above =
            introduction.isPresent()
                ? new PageHtml(introduction.get(), documents, api).body()
                : template.fileTitle(path);
        put(path + "/index.html", template.folder(path, above, below));
        below.stream().filter(linked::add).forEach(rest::add);
      } else {
        file(path, source);
      }
    }
  }

  private void file(String path, Path source) throws IOException {
    Path copy = out.resolve(path);
    Files.createDirectories(directory(copy));
    Files.copy(source, copy);
    if (isShown(source)) {
      String language = path.substring(path.lastIndexOf('.') + 1);
      put(
          path + ".html",
          template.file(path, Highlighter.html(language, Files.readString(source))));
    }
  }

  /** Returns whether a file gets a page: a text that is no picture. */
  private static boolean isShown(Path file) throws IOException {
    if (!Files.isRegularFile(file) || file.toString().matches(".*\\.(svg|png|jpg|ico|html)")) {
      return false;
    }
    byte[] bytes = Files.readAllBytes(file);
    String text = new String(bytes, StandardCharsets.UTF_8);
    return bytes.length <= MAX_SHOWN_BYTES && text.indexOf('\0') < 0 && text.indexOf('\ufffd') < 0;
  }

  /** Returns the page of a document. */
  static String pageOf(String path) {
    return path.replaceFirst("(?:^|(?<=/))README\\.md$", "index.md").replaceFirst("md$", "html");
  }

  /** Returns the page of a file, a folder or a document, relative to the site. */
  static String pageOf(Path root, String path) {
    if (path.endsWith(".md")) {
      return pageOf(path);
    }
    Path file = root.resolve(path);
    if (Files.isDirectory(file)) {
      return path.isEmpty() ? "index.html" : path + "/index.html";
    }
    try {
      return isShown(file) ? path + ".html" : path;
    } catch (IOException e) {
      return path;
    }
  }

  private void put(String path, String text) throws IOException {
    Path file = out.resolve(path);
    Files.createDirectories(directory(file));
    Files.writeString(file, text);
  }

  private static Path directory(Path file) {
    return Optional.ofNullable(file.getParent()).orElseThrow();
  }

  static String resource(String name) throws IOException {
    try (InputStream in = Site.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException("resource: " + name + " (expected: one beside this class)");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      List<Path> entries;
      try (Stream<Path> files = Files.walk(folder)) {
        entries = files.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path entry : entries) {
        Files.delete(entry);
      }
    }
  }
}
