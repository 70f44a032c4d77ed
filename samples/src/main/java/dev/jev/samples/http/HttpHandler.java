package dev.jev.samples.http;

import static io.netty.handler.codec.http.HttpHeaderNames.CONTENT_LENGTH;
import static io.netty.handler.codec.http.HttpHeaderNames.EXPECT;
import static io.netty.handler.codec.http.HttpHeaderNames.HOST;
import static io.netty.handler.codec.http.HttpHeaderNames.TRANSFER_ENCODING;

import dev.jev.Connection;
import dev.jev.Handler;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import java.util.Iterator;
import org.jspecify.annotations.Nullable;

/**
 * Answers a request when its head has arrived, and discards its body.
 *
 * <p>{@code GET} and {@code HEAD} of any path get status 200, a target that is not a path 404, and
 * other methods 405. A request whose end cannot be trusted is refused, and its connection closed: a
 * malformed head, such as one with two lengths (RFC 9112, 6.3), a missing or repeated {@code Host}
 * (RFC 9112, 3.2), and a body that is chunked or longer than 64 KiB.
 */
public final class HttpHandler implements Handler<HttpObject, Object> {

  private static final int MAX_BODY_BYTES = 64 * 1024;

  @Override
  public void onMessage(Connection<Object> connection, HttpObject message) {
    if (!(message instanceof HttpRequest request)) {
      if (message.decoderResult().isFailure()) {
        connection.close();
      }
      return;
    }
    HttpReplies replies = refusal(request);
    boolean keep = replies == null && HttpUtil.isKeepAlive(request);
    if (replies == null) {
      if (request.headers().contains(EXPECT)) {
        connection.send(HttpReplies.CONTINUE);
      }
      replies = answer(request);
    }
    connection.send(replies.to(request, keep));
    if (!keep) {
      connection.close();
    }
  }

  private static HttpReplies answer(HttpRequest request) {
    HttpMethod method = request.method();
    if (!method.equals(HttpMethod.GET) && !method.equals(HttpMethod.HEAD)) {
      return HttpReplies.NOT_ALLOWED;
    }
    String target = request.uri();
    boolean path = target.startsWith("/") || target.startsWith("http://");
    return path ? HttpReplies.HELLO : HttpReplies.NOT_FOUND;
  }

  /** Returns the reply to a request that must be refused, or null for any other request. */
  private static @Nullable HttpReplies refusal(HttpRequest request) {
    if (request.decoderResult().isFailure()) {
      Throwable cause = request.decoderResult().cause();
      return cause instanceof TooLongHttpLineException
          ? HttpReplies.LINE_TOO_LONG
          : cause instanceof TooLongHttpHeaderException
              ? HttpReplies.HEADERS_TOO_LONG
              : HttpReplies.MALFORMED;
    }
    HttpHeaders headers = request.headers();
    if (request.protocolVersion().majorVersion() != 1) {
      return HttpReplies.OTHER_VERSION;
    }
    if (request.protocolVersion().minorVersion() > 0 && !hasOne(headers, HOST)) {
      return HttpReplies.MALFORMED;
    }
    if (headers.contains(TRANSFER_ENCODING)) {
      return HttpReplies.LENGTH_REQUIRED;
    }
    if (headers.contains(CONTENT_LENGTH)
        && HttpUtil.getContentLength(request, 0L) > MAX_BODY_BYTES) {
      return HttpReplies.BODY_TOO_LONG;
    }
    String expected = headers.get(EXPECT);
    return expected == null || HttpHeaderValues.CONTINUE.contentEqualsIgnoreCase(expected)
        ? null
        : HttpReplies.of(HttpResponseStatus.EXPECTATION_FAILED);
  }

  private static boolean hasOne(HttpHeaders headers, CharSequence name) {
    Iterator<? extends CharSequence> values = headers.valueCharSequenceIterator(name);
    if (!values.hasNext()) {
      return false;
    }
    values.next();
    return !values.hasNext();
  }
}
