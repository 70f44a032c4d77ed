package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The response to an {@link HttpRequest}: a page, a refusal, or the acceptance of a WebSocket.
 *
 * <p>Immutable: {@code header}, {@code text}, {@code body} and {@code attribute} return changed
 * copies.
 */
public final class HttpResponse {

  static final String SUBPROTOCOL = "Sec-WebSocket-Protocol";

  /** RFC 9110, 15.2.2: the connection changes to the protocol of the Upgrade header. */
  static final int SWITCHING_PROTOCOLS = 101;

  static final ByteBuffer EMPTY = ByteBuffer.allocate(0);

  private static final HttpResponse ACCEPT =
      new HttpResponse(SWITCHING_PROTOCOLS, HttpFields.NONE, EMPTY, List.of());

  // RFC 9110, 5.6.7.
  private static final DateTimeFormatter DATE =
      DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH)
          .withZone(ZoneOffset.UTC);

  private final int status;
  private final HttpFields fields;
  private final ByteBuffer body; // a whole array, or direct; its indices never change
  private final List<Attribute<?>> attributes;

  /** An attribute of the connection that a WebSocket is accepted on. */
  private record Attribute<T>(Class<T> type, T value) {

    void store(ProtocolContext context) {
      context.attribute(type, value);
    }
  }

  HttpResponse(int status, HttpFields fields, ByteBuffer body) {
    this(status, fields, body, List.of());
  }

  private HttpResponse(
      int status, HttpFields fields, ByteBuffer body, List<Attribute<?>> attributes) {
    this.status = status;
    this.fields = fields;
    this.body = body;
    this.attributes = attributes;
  }

  /**
   * Returns a response without content.
   *
   * @throws IllegalArgumentException if {@code status} is not in 200..599
   */
  public static HttpResponse of(int status) {
    if (status < 200 || status > 599) {
      throw new IllegalArgumentException("status: " + status + " (expected: 200..599)");
    }
    return new HttpResponse(status, HttpFields.NONE, EMPTY);
  }

  /**
   * Returns the acceptance of a WebSocket, with the subprotocol that {@link
   * WebSocketServerBuilder#subprotocols} selects.
   */
  public static HttpResponse accept() {
    return ACCEPT;
  }

  /**
   * Returns the acceptance of a WebSocket with a subprotocol. It must be one that the client has
   * offered, otherwise the request is answered with 500.
   */
  public static HttpResponse accept(String subprotocol) {
    return ACCEPT.withSubprotocol(subprotocol);
  }

  HttpResponse withSubprotocol(String subprotocol) {
    return with(SUBPROTOCOL, subprotocol);
  }

  /**
   * Returns a copy with one more header line. Text that is not ASCII has to be encoded, with {@link
   * java.net.URLEncoder} for example.
   *
   * @throws IllegalArgumentException if the name is not a token or the value not ASCII, or if the
   *     header belongs to message framing or to the handshake
   */
  public HttpResponse header(String name, String value) {
    HttpFields.check(name, value);
    return with(name, value);
  }

  HttpResponse with(String name, String value) {
    return new HttpResponse(status, fields.with(name, value), body, attributes);
  }

  /**
   * Returns a copy of an acceptance that stores an attribute of the connection under its type, for
   * the handler: {@code accept().attribute(User.class, user)} is {@code
   * connection.attribute(User.class)} from {@link dev.jev.Handler#onConnect} on. The peer does not
   * see it.
   *
   * @throws IllegalStateException if this is not an acceptance
   */
  public <T> HttpResponse attribute(Class<T> type, T value) {
    if (!isAccept()) {
      throw new IllegalStateException("status " + status + ": an attribute (expected: 101)");
    }
    List<Attribute<?>> more = new ArrayList<>(attributes);
    more.add(new Attribute<>(requireNonNull(type, "type"), requireNonNull(value, "value")));
    return new HttpResponse(status, fields, body, List.copyOf(more));
  }

  /** Returns a copy of an acceptance to keep, without its attributes. */
  HttpResponse kept() {
    return this == ACCEPT ? ACCEPT : new HttpResponse(status, fields.shared(), EMPTY);
  }

  /** Stores the attributes. Called on the event loop. */
  void storeAttributes(ProtocolContext context) {
    attributes.forEach(attribute -> attribute.store(context));
  }

  /**
   * Returns a copy with a text as its body, as {@code text/plain} in UTF-8.
   *
   * @throws IllegalArgumentException if the text contains half a surrogate pair
   * @throws IllegalStateException if the status forbids a body
   */
  public HttpResponse text(String text) {
    return body("text/plain; charset=utf-8", StrictText.utf8("text", text));
  }

  /**
   * Returns a copy with a body.
   *
   * <p><b>Ownership.</b> The array is not copied and must not be changed afterwards.
   *
   * @throws IllegalStateException if the status forbids a body: 101, 204 or 304
   */
  public HttpResponse body(String contentType, byte[] body) {
    return body(contentType, ByteBuffer.wrap(requireNonNull(body, "body")));
  }

  /** Returns a copy with a body, which all copies share. */
  HttpResponse body(String contentType, ByteBuffer body) {
    if (status == SWITCHING_PROTOCOLS || status == 204 || status == 304) {
      throw new IllegalStateException("status " + status + ": a body (expected: none)");
    }
    return new HttpResponse(status, header("Content-Type", contentType).fields, body);
  }

  /** Returns the status, which is 101 for the acceptance of a WebSocket. */
  public int status() {
    return status;
  }

  /** Returns the value of the first header line with a name, ignoring case, or null. */
  public @Nullable String header(String name) {
    return fields.first(name);
  }

  /** Returns the values of all header lines with a name, ignoring case. */
  public List<String> headers(String name) {
    return fields.all(name);
  }

  /** Returns all header lines in their order. */
  public List<Map.Entry<String, String>> headers() {
    return fields.all();
  }

  /** Returns the length of the body, which the answer to a HEAD request does not have. */
  int bodyLength() {
    return body.remaining();
  }

  /**
   * Returns the body, which is empty if there is none. The array must not be changed. It is a copy
   * if the response is that of {@link HttpResponder#classPath}.
   */
  public byte[] body() {
    if (body.hasArray() && body.arrayOffset() == 0) {
      return body.array();
    }
    byte[] copy = new byte[body.remaining()];
    body.get(body.position(), copy);
    return copy;
  }

  boolean isAccept() {
    return status == SWITCHING_PROTOCOLS;
  }

  // Writing.

  /** Writes the response. The last response of a connection has {@code Connection: close}. */
  void write(ProtocolContext context, @Nullable HttpRequest request, boolean last) {
    writeHead(context, last);
    ByteBuffer content = content(request);
    if (content.hasRemaining()) {
      context.write(Unpooled.wrappedBuffer(content));
    }
  }

  /** Returns what follows the head of the response to a request. */
  ByteBuffer content(@Nullable HttpRequest request) {
    boolean isHead = request != null && request.method().equals("HEAD");
    return isHead ? EMPTY : body.duplicate();
  }

  /** Writes the head of the response. */
  void writeHead(ProtocolContext context, boolean last) {
    StringBuilder head = startLine();
    head.append("Date: ").append(DATE.format(Instant.now())).append("\r\n");
    fields.appendTo(head);
    if (status != 204 && status != 304) { // RFC 9110, 8.6
      head.append("Content-Length: ").append(body.remaining()).append("\r\n");
    }
    if (status == 426) { // RFC 9110, 15.5.22; RFC 6455, 4.4
      head.append("Connection: close, Upgrade\r\nUpgrade: websocket\r\n");
      head.append("Sec-WebSocket-Version: 13\r\n");
    } else if (last) {
      head.append("Connection: close\r\n");
    }
    context.write(bytes(head));
  }

  /** Writes the response to an opening handshake with {@code key} (RFC 6455, 4.2.2). */
  void writeAccept(ProtocolContext context, String key) {
    StringBuilder head = startLine();
    head.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
    head.append(HandshakeKey.answer(key)).append("\r\n");
    fields.appendTo(head);
    context.write(bytes(head));
  }

  private StringBuilder startLine() {
    StringBuilder head = new StringBuilder(256).append("HTTP/1.1 ").append(status).append(' ');
    return head.append(HttpResponseStatus.valueOf(status).reasonPhrase()).append("\r\n");
  }

  private static ByteBuf bytes(StringBuilder head) {
    return Unpooled.wrappedBuffer(StrictText.ascii("head", head.append("\r\n").toString()));
  }

  /** Returns the status and its reason phrase. */
  @Override
  public String toString() {
    return HttpResponseStatus.valueOf(status).toString();
  }
}
