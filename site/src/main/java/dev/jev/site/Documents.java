package dev.jev.site;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The documents of a repository, with checks of their links and of the index. */
final class Documents {

  static final String INDEX = "docs/README.md";

  private final Path root;
  private final Map<String, Page> pages = new LinkedHashMap<>();

  Documents(Path root) throws IOException {
    this.root = root;
    for (Page page : Page.readAll(root)) {
      pages.put(page.path(), page);
    }
  }

  Path root() {
    return root;
  }

  List<Page> pages() {
    return List.copyOf(pages.values());
  }

  Optional<Page> page(String path) {
    return Optional.ofNullable(pages.get(path));
  }

  String text(String path) throws IOException {
    return Files.readString(root.resolve(path));
  }

  Index index() {
    return page(INDEX).map(Index::of).orElse(new Index(List.of()));
  }

  /** Returns a line per fault: links and anchors that lead nowhere, and faults of the index. */
  List<String> faults() {
    List<String> faults = new ArrayList<>();
    for (Page page : pages.values()) {
      for (String destination : page.destinations()) {
        Target.of(page, destination)
            .filter(target -> !exists(target))
            .ifPresent(target -> faults.add(page.path() + ": broken link: " + destination));
      }
    }
    List<String> indexed = index().entries().stream().map(Index.Entry::path).toList();
    for (String path : pages.keySet()) {
      if (path.startsWith("docs/") && !path.equals(INDEX) && !indexed.contains(path)) {
        faults.add(INDEX + ": no entry for " + path);
      }
    }
    for (int i = 0; i < indexed.size(); i++) {
      if (indexed.indexOf(indexed.get(i)) < i) {
        faults.add(INDEX + ": two entries for " + indexed.get(i));
      }
    }
    return faults;
  }

  private boolean exists(Target target) {
    if (target.path().startsWith("..") || !Files.exists(root.resolve(target.path()))) {
      return false;
    }
    return target.anchor().isEmpty()
        || page(target.path()).filter(page -> page.hasAnchor(target.anchor())).isPresent();
  }
}
