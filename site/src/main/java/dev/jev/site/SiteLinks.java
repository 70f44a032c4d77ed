package dev.jev.site;

import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds links of written pages that lead nowhere, to pages or to the Javadoc. Those within the
 * Javadoc are the tool's, which refuses references to what does not exist.
 */
final class SiteLinks {

  private static final Pattern REFERENCE = Pattern.compile("\\s(?:href|src)=\"([^\"]*)\"");
  private static final Pattern ID = Pattern.compile("\\s(?:id|name)=\"([^\"]*)\"");
  private static final Pattern ELSEWHERE = Pattern.compile("(?:https?|mailto|javascript|data):.*");

  private final Map<Path, Set<String>> ids = new HashMap<>();

  private SiteLinks() {}

  /** Returns a line per broken link of the pages in a folder, without those below "api". */
  static List<String> faults(Path site) throws IOException {
    SiteLinks links = new SiteLinks();
    List<String> faults = new ArrayList<>();
    for (Path file : Page.filesBelow(site)) {
      if (file.toString().endsWith(".html") && !file.startsWith(site.resolve("api"))) {
        Matcher reference = REFERENCE.matcher(Files.readString(file));
        while (reference.find()) {
          if (!links.leadsSomewhere(file, reference.group(1))) {
            String page = Page.slashes(site.relativize(file));
            faults.add(page + ": broken link: " + reference.group(1));
          }
        }
      }
    }
    return faults;
  }

  private boolean leadsSomewhere(Path file, String reference) throws IOException {
    if (ELSEWHERE.matcher(reference).matches()) {
      return true;
    }
    String[] parts = reference.replace("&amp;", "&").split("#", 2);
    Path to = parts[0].isEmpty() ? file : file.resolveSibling(decoded(parts[0])).normalize();
    if (!Files.isRegularFile(to)) {
      return false;
    }
    if (parts.length == 1 || parts[1].isEmpty()) {
      return true;
    }
    return ids(to).contains(decoded(parts[1]));
  }

  private static String decoded(String part) {
    return URLDecoder.decode(part.replace("+", "%2B"), StandardCharsets.UTF_8);
  }

  private Set<String> ids(Path page) throws IOException {
    Set<String> known = ids.get(page);
    if (known == null) {
      known = new HashSet<>();
      Matcher id = ID.matcher(Files.readString(page));
      while (id.find()) {
        known.add(id.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
      }
      ids.put(page, known);
    }
    return known;
  }
}
