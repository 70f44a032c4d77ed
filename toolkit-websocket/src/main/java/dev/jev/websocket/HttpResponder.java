package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Answers plain HTTP on the port of a WebSocket server: a page, its resources, a health check.
 *
 * <pre>
 *   HttpResponder.at("/health", () -&gt; HttpResponse.of(200).text("ok"))
 *       .or(HttpResponder.classPath("static"))
 * </pre>
 *
 * <p>It is not meant for more than that: a request with content is refused with 413, and a
 * connection, which may carry up to 100 requests, ends when the server's {@link
 * dev.jev.Server.Builder#handshakeTimeout} does, 10 s by default after it began.
 *
 * <p><b>Threads.</b> Called on event loops, on several at once: must not block.
 */
@FunctionalInterface
public interface HttpResponder {

  /**
   * The response to a request, or null if that is not this responder's to answer; what nobody
   * answers is not found (404). Of a response to {@code HEAD} the body is left out. What this
   * throws is answered with 500, and logged.
   */
  @Nullable HttpResponse respond(HttpRequest request);

  /** This, and another one for what this does not answer. */
  default HttpResponder or(HttpResponder other) {
    requireNonNull(other, "other");
    return request -> {
      HttpResponse response = respond(request);
      return response != null ? response : other.respond(request);
    };
  }

  /** Answers {@code GET} and {@code HEAD} of one path, other methods with 405. */
  static HttpResponder at(String path, Supplier<HttpResponse> response) {
    requireNonNull(response, "response");
    Checks.path(path);
    return request -> request.path().equals(path) ? get(request, response) : null;
  }

  /**
   * Answers with the resources below a directory of the class path; {@code index.html} stands for
   * its directory.
   *
   * <p>Resources, of at most 16 MiB each, are read when they are first asked for and then kept.
   * They have a content type by the end of their name, and an {@code ETag}. They are found with the
   * calling thread's context class loader. What begins with a dot is hidden.
   *
   * @param directory {@code static} for example; not the whole class path
   */
  static HttpResponder classPath(String directory) {
    return new ClassPathResponder(directory);
  }

  private static HttpResponse get(HttpRequest request, Supplier<HttpResponse> response) {
    return ClassPathResponder.isRead(request) ? response.get() : ClassPathResponder.NOT_ALLOWED;
  }
}
