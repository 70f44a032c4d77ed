package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLEncoder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A directory of the class path and the resources below it, in directories of the file system and
 * in jars.
 *
 * <p><b>Names.</b> What is dangerous in a name is refused: segments that are empty or hidden, or
 * that the operating system would take for something else. Beyond that, a file must lie below the
 * directory when all links are followed.
 */
final class ClassPathDirectory {

  /**
   * Segments that are refused everywhere: empty, hidden, or with a control character. Some file
   * systems ignore format characters, so these do not hide the dot of a hidden name.
   */
  private static final Pattern DANGEROUS =
      Pattern.compile("|\\p{Cf}*\\..*|.*\\p{Cc}.*", Pattern.DOTALL);

  /**
   * Segments that Windows takes for others: with its separator, a drive or stream, the digit of a
   * short name, or an end that it drops.
   */
  private static final Pattern DANGEROUS_ON_WINDOWS =
      Pattern.compile(".*[\\\\:].*|.*~[0-9].*|.*[. ]", Pattern.DOTALL);

  /** A surrogate pair whose halves are encoded one by one, as the JDK's class loaders do. */
  private static final Pattern ENCODED_SURROGATES =
      Pattern.compile("(?i)(%ED%A[0-9A-F]%[89AB][0-9A-F])(%ED%B[0-9A-F]%[89AB][0-9A-F])");

  private final ClassLoader loader;
  private final String name; // "static"

  private ClassPathDirectory(ClassLoader loader, String name) {
    this.loader = loader;
    this.name = name;
  }

  /**
   * A resource.
   *
   * @param id identifies the resource, whatever name it was found by
   * @param isTrueName whether it was found by its own name: not by a link, nor by another spelling
   *     in a file system that ignores case
   */
  record Resource(URL url, String id, boolean isTrueName) {

    /** Returns the content, or null if it is longer than {@code limit} bytes. */
    byte @Nullable [] read(int limit) throws IOException {
      URLConnection connection = url.openConnection();
      connection.setUseCaches(false);
      try (InputStream in = connection.getInputStream()) {
        if (connection.getContentLengthLong() > limit) {
          return null;
        }
        byte[] content = in.readNBytes(limit + 1);
        return content.length > limit ? null : content;
      }
    }

    /** Returns the extension of the name in lower case; something else if it has none. */
    String extension() {
      String path = url.getPath();
      return path.substring(path.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Returns a directory in the class path of the calling thread.
   *
   * @throws IllegalArgumentException if {@code directory} is the root or not a plain path
   */
  static ClassPathDirectory of(String directory) {
    String name = directory.replaceAll("^/+|/+$", "");
    if (!isPlain(name)) {
      throw new IllegalArgumentException(
          "directory: " + directory + " (expected: a directory below the root of the class path)");
    }
    ClassLoader context = Thread.currentThread().getContextClassLoader();
    return new ClassPathDirectory(
        context != null ? context : ClassLoader.getSystemClassLoader(), name);
  }

  /** Returns whether all segments of a name are plain on this operating system. */
  static boolean isPlain(String name) {
    return isPlain(name, /* isWindows= */ File.separatorChar == '\\');
  }

  static boolean isPlain(String name, boolean isWindows) {
    for (String segment : name.split("/", -1)) {
      if (DANGEROUS.matcher(segment).matches()
          || (isWindows && DANGEROUS_ON_WINDOWS.matcher(segment).matches())) {
        return false;
      }
    }
    return true;
  }

  /** Returns the resource with a plain name, or null if there is none or it is a directory. */
  @Nullable Resource find(String name) throws IOException {
    String path = this.name + '/' + name;
    URL url = loader.getResource(path);
    if (url == null || isDirectoryOfJar(url, path)) {
      return null;
    }
    URL repaired = repaired(url);
    return url.getProtocol().equals("file")
        ? file(repaired, name)
        : new Resource(repaired, repaired.toString(), /* isTrueName= */ true);
  }

  /** Returns whether a resource is a directory of a jar, whose entry has a slash at its end. */
  private boolean isDirectoryOfJar(URL url, String path) {
    return url.getProtocol().equals("jar")
        && (url + "/").equals(String.valueOf(loader.getResource(path + '/')));
  }

  private static @Nullable Resource file(URL url, String name) throws IOException {
    try {
      Path found = Path.of(URI.create(url.toString()));
      Path file = found.toRealPath();
      Path root = directory(found, name).toRealPath();
      if (!file.startsWith(root) || !Files.isRegularFile(file)) {
        return null;
      }
      URL real = file.toUri().toURL();
      String trueName = root.relativize(file).toString().replace(File.separatorChar, '/');
      return new Resource(real, real.toString(), trueName.equals(name));
    } catch (NoSuchFileException | IllegalArgumentException e) {
      return null; // removed meanwhile, or a name that this file system cannot have
    }
  }

  /** Returns the directory in which a file has a name of one or more segments. */
  private static Path directory(Path file, String name) {
    Path directory = file;
    for (int segments = name.split("/", -1).length; segments > 0; segments--) {
      directory = requireNonNull(directory.getParent(), "parent");
    }
    return directory;
  }

  /** Returns a URL in which characters beyond U+FFFF are encoded as RFC 3986 requires. */
  private static URL repaired(URL url) throws IOException {
    Matcher pairs = ENCODED_SURROGATES.matcher(url.toString());
    return pairs.find() ? URI.create(pairs.replaceAll(ClassPathDirectory::encoded)).toURL() : url;
  }

  private static String encoded(MatchResult pair) {
    String text = "" + surrogate(pair.group(1)) + surrogate(pair.group(2));
    return URLEncoder.encode(text, UTF_8);
  }

  /** Decodes the three bytes of one half of a pair. */
  private static char surrogate(String encoded) {
    byte[] bytes = HexFormat.of().parseHex(encoded.replace("%", ""));
    return (char) (0xd000 | (bytes[1] & 0x3f) << 6 | (bytes[2] & 0x3f));
  }
}
