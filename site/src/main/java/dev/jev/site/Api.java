package dev.jev.site;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The Javadoc of all published modules, and the way from a name in a document to its place there.
 */
final class Api {

  private static final Pattern MODULE = Pattern.compile("(?m)^(?:open )?module ([\\w.]+)");
  private static final Pattern NAME =
      Pattern.compile("(([A-Z]\\w*(?:\\.[A-Z]\\w*)*?)(?:\\.(\\w+))?)(?:<.*>)?(?:\\([^()]*\\))?");
  private static final Pattern MEMBER = Pattern.compile(">(\\w+)</a>");
  private static final Pattern ID = Pattern.compile(" id=\"([^\"]+)\"");

  private final Map<String, Type> types;

  private record Type(String page, Set<String> ids, Set<String> inherited) {

    Optional<String> member(String name) {
      return ids.stream()
          .filter(id -> id.equals(name) || id.startsWith(name + "("))
          .findFirst()
          .map(id -> page + "#" + id.replace("<", "%3C").replace(">", "%3E"));
    }
  }

  private Api(Map<String, Type> types) {
    this.types = types;
  }

  /** Returns the API without Javadoc: no name leads anywhere. */
  static Api none() {
    return new Api(Map.of());
  }

  /**
   * Writes the Javadoc of the modules of a repository.
   *
   * @param path the jars that the modules need, optional ones included
   * @throws IllegalStateException for any warning
   */
  static Api write(Path root, Path folder, List<Path> path) throws IOException {
    List<String> options = new ArrayList<>(List.of("-d", folder.toString(), "-quiet", "-Werror"));
    options.addAll(List.of("-Xdoclint:all,-missing", "-notimestamp", "-encoding", "UTF-8"));
    options.addAll(List.of("-windowtitle", "Jev API", "-doctitle", "Jev API"));
    options.addAll(List.of("-header", "<a href=\"{@docRoot}/../index.html\">Jev</a>"));
    Path sheet = Files.createTempDirectory("site").resolve("jev.css");
    Files.writeString(sheet, Site.resource("colors.css") + Site.resource("javadoc.css"));
    options.addAll(List.of("--add-stylesheet", sheet.toString()));
    options.add("--module-path");
    options.add(String.join(File.pathSeparator, path.stream().map(Path::toString).toList()));
    List<String> modules = new ArrayList<>();
    try (Stream<Path> folders = Files.list(root)) {
      for (Path sources : folders.map(f -> f.resolve("src/main/java")).sorted().toList()) {
        Path declaration = sources.resolve("module-info.java");
        if (Files.exists(declaration)) {
          Matcher name = MODULE.matcher(Files.readString(declaration));
          if (name.find()) {
            modules.add(name.group(1));
            options.addAll(List.of("--module-source-path", name.group(1) + "=" + sources));
          }
        }
      }
    }
    options.addAll(List.of("--module", String.join(",", modules)));
    StringWriter out = new StringWriter();
    PrintWriter writer = new PrintWriter(out);
    int result =
        ToolProvider.findFirst("javadoc")
            .orElseThrow(() -> new IllegalStateException("no javadoc: a JDK is needed"))
            .run(writer, writer, options.toArray(String[]::new));
    Files.delete(sheet);
    Files.delete(sheet.resolveSibling(""));
    if (result != 0) {
      throw new IllegalStateException("javadoc failed\n" + out);
    }
    return read(folder);
  }

  /** Reads which types and members a Javadoc has. A name that two types have leads nowhere. */
  static Api read(Path folder) throws IOException {
    Map<String, Type> types = new HashMap<>();
    Set<String> ambiguous = new HashSet<>();
    for (Path file : Page.filesBelow(folder)) {
      String name = file.getFileName().toString().replaceFirst("\\.html$", "");
      String page = Page.slashes(folder.relativize(file));
      if (!page.matches("[^/]+/.*/[A-Z][\\w.]*\\.html") || page.contains("/class-use/")) {
        continue;
      }
      String html = Files.readString(file);
      if (types.put(name, new Type(page, all(ID, html), all(MEMBER, html))) != null) {
        ambiguous.add(name);
      }
    }
    types.keySet().removeAll(ambiguous);
    return new Api(types);
  }

  private static Set<String> all(Pattern pattern, String html) {
    return pattern
        .matcher(html)
        .results()
        .map(match -> match.group(1))
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  boolean isEmpty() {
    return types.isEmpty();
  }

  /**
   * Returns the place in the Javadoc, relative to it, of code such as "Server" or "Topic.of". An
   * option of a builder may be named without it: "Limits.writeStallTimeout".
   */
  Optional<String> find(String code) {
    Matcher name = NAME.matcher(code);
    if (!name.matches()) {
      return Optional.empty();
    }
    Type whole = types.get(name.group(1));
    Type type = types.get(name.group(2));
    if (whole != null || type == null) {
      return Optional.ofNullable(whole).map(Type::page);
    }
    String member = name.group(3);
    return type.member(member)
        .or(
            () ->
                Optional.ofNullable(types.get(name.group(2) + ".Builder"))
                    .flatMap(builder -> builder.member(member)))
        .or(() -> Optional.of(type.page));
  }

  /** Returns whether code names a method of a type that has no such method. */
  boolean lacks(String code) {
    Matcher name = NAME.matcher(code);
    if (!name.matches() || name.group(3) == null || !name.group(3).matches("[a-z]\\w*")) {
      return false;
    }
    Type type = types.get(name.group(2));
    return type != null
        && !name.group(3).equals("java")
        && !type.inherited.contains(name.group(3))
        && !find(code).orElse("").contains("#");
  }
}
