package dev.jev.site;

import java.nio.file.Path;
import java.util.Optional;

/**
 * The target of a link within the repository.
 *
 * @param path relative to the repository, with slashes; begins with ".." outside of it
 * @param anchor without "#"; may be empty
 */
record Target(String path, String anchor) {

  /** Returns the target of a link, unless it leads to another site. */
  static Optional<Target> of(Page page, String destination) {
    if (destination.matches("[a-z][a-z0-9+.-]*:.*")) {
      return Optional.empty();
    }
    int hash = destination.indexOf('#');
    String file = hash < 0 ? destination : destination.substring(0, hash);
    String anchor = hash < 0 ? "" : destination.substring(hash + 1);
    Path from = Path.of("/" + page.path());
    Path to = file.isEmpty() ? from : from.resolveSibling(file);
    String path = Page.slashes(Path.of("/").relativize(to.normalize()));
    return Optional.of(new Target(path, anchor));
  }
}
