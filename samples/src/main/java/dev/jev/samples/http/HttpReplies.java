package dev.jev.samples.http;

import static io.netty.handler.codec.http.HttpVersion.HTTP_1_1;
import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import org.jspecify.annotations.Nullable;

/**
 * One reply with each {@code Connection} header that it may need. All forms are created once.
 *
 * @param implicitKeepAlive the reply without the header, for HTTP/1.1 connections that stay open
 * @param explicitKeepAlive the reply with {@code keep-alive}, for HTTP/1.0 connections that stay
 *     open
 * @param close the reply with {@code close}, for connections that close after it
 */
record HttpReplies(
    FullHttpResponse implicitKeepAlive,
    FullHttpResponse explicitKeepAlive,
    FullHttpResponse close) {

  static final HttpReplies HELLO = of(HttpResponseStatus.OK, "Hello, World!");
  static final HttpReplies MALFORMED = of(HttpResponseStatus.BAD_REQUEST);
  static final HttpReplies NOT_FOUND = of(HttpResponseStatus.NOT_FOUND);
  static final HttpReplies NOT_ALLOWED = of(HttpResponseStatus.METHOD_NOT_ALLOWED);
  static final HttpReplies LENGTH_REQUIRED = of(HttpResponseStatus.LENGTH_REQUIRED);
  static final HttpReplies BODY_TOO_LONG = of(HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE);
  static final HttpReplies LINE_TOO_LONG = of(HttpResponseStatus.REQUEST_URI_TOO_LONG);
  static final HttpReplies HEADERS_TOO_LONG =
      of(HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE);
  static final HttpReplies OTHER_VERSION = of(HttpResponseStatus.HTTP_VERSION_NOT_SUPPORTED);
  static final FullHttpResponse CONTINUE =
      new DefaultFullHttpResponse(HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER);

  /** Returns a reply whose text is its status. */
  static HttpReplies of(HttpResponseStatus status) {
    return of(status, status + "\n");
  }

  private static HttpReplies of(HttpResponseStatus status, String text) {
    return new HttpReplies(
        response(status, text, null),
        response(status, text, HttpHeaderValues.KEEP_ALIVE),
        response(status, text, HttpHeaderValues.CLOSE));
  }

  private static FullHttpResponse response(
      HttpResponseStatus status, String text, @Nullable CharSequence connection) {
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HTTP_1_1, status, Unpooled.unreleasableBuffer(Unpooled.copiedBuffer(text, US_ASCII)));
    HttpHeaders headers = response.headers();
    headers.set(HttpHeaderNames.CONTENT_TYPE, HttpHeaderValues.TEXT_PLAIN);
    headers.set(HttpHeaderNames.CONTENT_LENGTH, text.length());
    if (status.equals(HttpResponseStatus.METHOD_NOT_ALLOWED)) {
      headers.set(HttpHeaderNames.ALLOW, "GET, HEAD");
    }
    if (connection != null) {
      headers.set(HttpHeaderNames.CONNECTION, connection);
    }
    return response;
  }

  /** Returns the reply to a request. It shares headers and bytes, but has indices of its own. */
  FullHttpResponse to(HttpRequest request, boolean keep) {
    FullHttpResponse shared = close;
    if (keep) {
      shared =
          request.protocolVersion().isKeepAliveDefault() ? implicitKeepAlive : explicitKeepAlive;
    }
    return new DefaultFullHttpResponse(
        HTTP_1_1,
        shared.status(),
        shared.content().duplicate(),
        shared.headers(),
        EmptyHttpHeaders.INSTANCE);
  }
}
