package dev.jev.websocket;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Answers with resources of the class path.
 *
 * <p>A path is decoded once, and the result must be a plain name, see {@link ClassPathDirectory}.
 * Other paths are not answered, so no request can leave the directory.
 *
 * <p><b>Memory.</b> A resource is kept once, in a direct buffer, whatever names it is requested by.
 * Only its true name is kept with it, since a link or a file system that ignores case gives it any
 * number of others.
 */
final class ClassPathResponder implements HttpResponder {

  static final HttpResponse NOT_ALLOWED = HttpResponse.of(405).header("Allow", "GET, HEAD");

  private static final int MAX_BYTES = 16 * 1024 * 1024;

  private static final int MAX_KEPT_BYTES = 64 * 1024 * 1024;

  /** Memory of an entry beside its content. */
  private static final int ENTRY_BYTES = 1024;

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

  private final ClassPathDirectory directory;
  private final Map<String, HttpResponse> pagesByTrueName = new ConcurrentHashMap<>();

  // Guarded by this.
  private final Map<String, HttpResponse> pagesById = new HashMap<>();
  private int keptBytes;

  ClassPathResponder(String directory) {
    this.directory = ClassPathDirectory.of(directory);
  }

  /** Returns whether the method of a request is GET or HEAD (RFC 9110, 9.3.1 and 9.3.2). */
  static boolean isRead(HttpRequest request) {
    return request.method().equals("GET") || request.method().equals("HEAD");
  }

  @Override
  public @Nullable HttpResponse respond(HttpRequest request) {
    String path = decode(request.path());
    boolean hasHiddenSlash = path != null && slashes(path) != slashes(request.path());
    if (path == null || hasHiddenSlash) {
      return null;
    }
    String name = (path.endsWith("/") ? path + "index.html" : path).substring(1);
    HttpResponse page = ClassPathDirectory.isPlain(name) ? find(name) : null;
    if (page == null || isRead(request)) {
      return page != null && isUnchanged(request, page) ? notModified(page) : page;
    }
    return NOT_ALLOWED;
  }

  /** Decodes a path once; returns null if the result is not UTF-8. */
  private static @Nullable String decode(String path) {
    return StrictText.formDecoded(path.replace("+", "%2B")); // a plus is a space in forms only
  }

  private static long slashes(String path) {
    return path.chars().filter(c -> c == '/').count();
  }

  private @Nullable HttpResponse find(String name) {
    HttpResponse page = pagesByTrueName.get(name);
    if (page != null) {
      return page;
    }
    try {
      ClassPathDirectory.Resource resource = directory.find(name);
      if (resource == null) {
        return null;
      }
      page = page(resource);
      if (resource.isTrueName()) {
        pagesByTrueName.put(name, page);
      }
      return page;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the page of a resource, which is read for the first request. */
  private synchronized HttpResponse page(ClassPathDirectory.Resource resource) throws IOException {
    HttpResponse page = pagesById.get(resource.id());
    if (page == null) {
      int room = Math.max(0, MAX_KEPT_BYTES - keptBytes - ENTRY_BYTES);
      int limit = Math.min(MAX_BYTES, room);
      byte[] content = resource.read(limit);
      if (content == null) {
        String fault = resource.url() + ": more than " + limit + " bytes";
        String bounds = MAX_BYTES + ", and <= " + MAX_KEPT_BYTES + " for all resources together";
        throw new IOException(fault + " (expected: <= " + bounds + ")");
      }
      page = page(resource.extension(), content);
      pagesById.put(resource.id(), page);
      keptBytes += content.length + ENTRY_BYTES;
    }
    return page;
  }

  private static HttpResponse page(String extension, byte[] content) {
    ByteBuffer shared = ByteBuffer.allocateDirect(content.length).put(content).flip();
    return HttpResponse.of(200)
        .body(TYPES.getOrDefault(extension, "application/octet-stream"), shared)
        .header("ETag", etag(content))
        .header("Cache-Control", "no-cache") // RFC 9111, 5.2.2.4: ask whether it has changed
        .header("X-Content-Type-Options", "nosniff");
  }

  /** Returns a tag of the content: two checksums, which take no time on the event loop. */
  private static String etag(byte[] content) {
    CRC32 first = new CRC32();
    CRC32C second = new CRC32C();
    first.update(content);
    second.update(content);
    return String.format("\"%08x%08x%016x\"", first.getValue(), second.getValue(), content.length);
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
