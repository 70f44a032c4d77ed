package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Answers plain HTTP requests on the port of a WebSocket server: a page, its resources, a health
 * check.
 *
 * <pre>
 *   HttpResponder.at("/health", () -&gt; HttpResponse.of(200).text("ok"))
 *       .or(HttpResponder.classPath("static"))
 * </pre>
 *
 * <p><b>Limits.</b> It is not meant for more than that. A request with content is refused with 413.
 * A connection carries at most 100 requests, and without a WebSocket it closes at the server's
 * {@link dev.jev.Server.Builder#handshakeTimeout}, by default 10 s after it was accepted.
 *
 * <p><b>Back-pressure.</b> A long body is written in parts as the peer reads them. The next request
 * is answered when the output is below its watermark again. After 4 KiB of requests, or 16, the
 * other connections of the event loop have their turn. Until its last part is written, a body
 * counts against the {@link dev.jev.plugin.Limits.Builder#bufferBudget} with its whole length,
 * except for a resource of the class path, which all connections share.
 *
 * <p><b>Threads.</b> Called on event loops, concurrently on several of them: must not block.
 */
@FunctionalInterface
public interface HttpResponder {

  /**
   * Returns the response to a request, or null to leave it unanswered. A request that no responder
   * answers gets 404. The body of a response to {@code HEAD} is not sent. If this method throws,
   * the request is answered with 500, the exception is logged, and the connection closes with
   * {@link dev.jev.CloseReason.Kind#HANDLER_ERROR}.
   */
  @Nullable HttpResponse respond(HttpRequest request);

  /** Returns a responder that passes the requests that this one leaves unanswered to another. */
  default HttpResponder or(HttpResponder other) {
    requireNonNull(other, "other");
    return request -> {
      HttpResponse response = respond(request);
      return response != null ? response : other.respond(request);
    };
  }

  /**
   * Returns a responder that answers {@code GET} and {@code HEAD} requests for one path, and other
   * methods for it with 405.
   *
   * @param path the exact path, not decoded, as it is sent: characters that are not ASCII are
   *     encoded as in {@code %C3%A4}
   * @param response the function that creates the response to each request
   * @throws IllegalArgumentException if {@code path} does not begin with a slash, or contains a
   *     query or a fragment
   */
  static HttpResponder at(String path, Supplier<HttpResponse> response) {
    requireNonNull(response, "response");
    String sent = Checks.path(path);
    return request -> request.path().equals(sent) ? get(request, response) : null;
  }

  /**
   * Returns a responder that answers with the resources below a directory of the class path. For a
   * path that ends with a slash it answers with {@code index.html}.
   *
   * <p>A resource is read at the first request for it and then kept in direct memory: at most 16
   * MiB each and 64 MiB together. A request for one beyond that is answered with 500. The content
   * type follows from the extension of its name, and it has an {@code ETag}. Resources are found
   * with the calling thread's context class loader. A GraalVM native image contains them only if
   * its own metadata lists them.
   *
   * <p>Every name is served, encoded as UTF-8 in the path, except hidden ones, which begin with a
   * dot, and those with control characters. A symbolic link that leads out of the directory is not
   * followed. On Windows, names with a backslash, with a colon, with a tilde before a digit, or
   * with a dot or space at the end of a segment are not served either.
   *
   * @param directory the directory, {@code static} for example; not the root of the class path
   * @throws IllegalArgumentException if {@code directory} is the root or not a plain path
   */
  static HttpResponder classPath(String directory) {
    return new ClassPathResponder(directory);
  }

  private static HttpResponse get(HttpRequest request, Supplier<HttpResponse> response) {
    return ClassPathResponder.isRead(request) ? response.get() : ClassPathResponder.NOT_ALLOWED;
  }
}
