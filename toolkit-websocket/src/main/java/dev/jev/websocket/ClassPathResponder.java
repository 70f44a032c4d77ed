package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLDecoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Answers with resources of the class path.
 *
 * <p>A path is decoded once. Every segment of the result must be plain; in particular it must not
 * begin with a dot. Other paths are not answered, so no request can leave the directory.
 */
final class ClassPathResponder implements HttpResponder {

  static final HttpResponse NOT_ALLOWED = HttpResponse.of(405).header("Allow", "GET, HEAD");

  private static final int MAX_BYTES = 16 * 1024 * 1024;

  private static final Pattern SEGMENT =
      Pattern.compile("[\\p{L}\\p{N}_~@+=,()-][\\p{L}\\p{N}._~@+=,() -]*");

  private static final Map<String, String> TYPES =
      Map.ofEntries(
          Map.entry("html", "text/html; charset=utf-8"),
          Map.entry("css", "text/css; charset=utf-8"),
          Map.entry("js", "text/javascript; charset=utf-8"),
          Map.entry("mjs", "text/javascript; charset=utf-8"),
          Map.entry("txt", "text/plain; charset=utf-8"),
          Map.entry("json", "application/json"),
          Map.entry("map", "application/json"),
          Map.entry("webmanifest", "application/manifest+json"),
          Map.entry("wasm", "application/wasm"),
          Map.entry("pdf", "application/pdf"),
          Map.entry("xml", "application/xml"),
          Map.entry("svg", "image/svg+xml"),
          Map.entry("png", "image/png"),
          Map.entry("jpg", "image/jpeg"),
          Map.entry("jpeg", "image/jpeg"),
          Map.entry("gif", "image/gif"),
          Map.entry("webp", "image/webp"),
          Map.entry("ico", "image/x-icon"),
          Map.entry("woff2", "font/woff2"));

  private final ClassLoader loader;
  private final String directory; // "static"
  private final Map<String, HttpResponse> known = new ConcurrentHashMap<>();

  ClassPathResponder(String directory) {
    String stripped = directory.replaceAll("^/+|/+$", "");
    if (stripped.isEmpty() || !isPlain("/" + stripped)) {
      throw new IllegalArgumentException(
          "directory: " + directory + " (expected: a directory below the root of the class path)");
    }
    this.directory = stripped;
    ClassLoader context = Thread.currentThread().getContextClassLoader();
    this.loader = context != null ? context : ClassLoader.getSystemClassLoader();
  }

  /** Returns whether the method of a request is GET or HEAD (RFC 9110, 9.3.1 and 9.3.2). */
  static boolean isRead(HttpRequest request) {
    return request.method().equals("GET") || request.method().equals("HEAD");
  }

  @Override
  public @Nullable HttpResponse respond(HttpRequest request) {
    // URLDecoder decodes a plus as a space, which is for forms and not for paths.
    String path = URLDecoder.decode(request.path().replace("+", "%2B"), UTF_8);
    boolean hasHiddenSlash = slashes(path) != slashes(request.path());
    String file = path.endsWith("/") ? path + "index.html" : path;
    if (hasHiddenSlash || !isPlain(file)) {
      return null;
    }
    HttpResponse page = find(file);
    if (page == null || isRead(request)) {
      return page != null && isUnchanged(request, page) ? notModified(page) : page;
    }
    return NOT_ALLOWED;
  }

  private static boolean isPlain(String path) {
    for (String segment : path.substring(1).split("/", -1)) {
      if (!SEGMENT.matcher(segment).matches()) {
        return false;
      }
    }
    return true;
  }

  private static long slashes(String path) {
    return path.chars().filter(c -> c == '/').count();
  }

  private @Nullable HttpResponse find(String path) {
    HttpResponse page = known.get(path);
    if (page == null) {
      byte[] content = load(directory + path);
      if (content != null) {
        page = page(path, content);
        known.put(path, page);
      }
    }
    return page;
  }

  private byte @Nullable [] load(String name) {
    URL url = loader.getResource(name);
    if (url == null) {
      return null;
    }
    try {
      URLConnection connection = url.openConnection();
      connection.setUseCaches(false);
      return isFile(url, connection) ? read(connection) : null;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns whether a resource is a file. Reading a directory would return a listing. */
  private static boolean isFile(URL url, URLConnection connection) throws IOException {
    if (connection instanceof JarURLConnection jar) {
      boolean isFile = !jar.getJarEntry().isDirectory();
      if (!isFile) {
        jar.getJarFile().close();
      }
      return isFile;
    }
    if (url.getProtocol().equals("file")) {
      Path file = Path.of(URI.create(url.toString()));
      return Files.isRegularFile(file);
    }
    return true;
  }

  private static byte[] read(URLConnection connection) throws IOException {
    try (InputStream in = connection.getInputStream()) {
      byte[] content = in.readNBytes(MAX_BYTES + 1);
      if (content.length > MAX_BYTES) {
        throw new IOException(
            connection.getURL()
                + ": more than "
                + MAX_BYTES
                + " bytes (expected: <= "
                + MAX_BYTES
                + ")");
      }
      return content;
    }
  }

  private static HttpResponse page(String path, byte[] content) {
    String end = path.substring(path.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    return HttpResponse.of(200)
        .body(TYPES.getOrDefault(end, "application/octet-stream"), content)
        .header("ETag", etag(content))
        .header("Cache-Control", "no-cache") // RFC 9111, 5.2.2.4: ask whether it has changed
        .header("X-Content-Type-Options", "nosniff");
  }

  private static String etag(byte[] content) {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(content);
      return '"' + HexFormat.of().formatHex(hash, 0, 16) + '"';
    } catch (NoSuchAlgorithmException e) { // every Java platform has SHA-256
      throw new IllegalStateException(e);
    }
  }

  /** Returns whether the client has the current version of a page (RFC 9110, 13.1.2). */
  private static boolean isUnchanged(HttpRequest request, HttpResponse page) {
    String etag = page.header("ETag");
    List<String> seen = Tokens.elements(request.headers("If-None-Match"));
    return seen.stream()
        .anyMatch(tag -> tag.equals("*") || tag.equals(etag) || tag.equals("W/" + etag));
  }

  private static HttpResponse notModified(HttpResponse page) {
    return HttpResponse.of(304)
        .header("ETag", String.valueOf(page.header("ETag")))
        .header("Cache-Control", "no-cache");
  }
}
