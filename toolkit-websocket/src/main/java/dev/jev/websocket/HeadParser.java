package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponseDecoder;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.FastThreadLocal;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Parses a head that a {@link HeadScanner} has found, with Netty's decoders, and checks the rules
 * for all requests or all responses.
 */
final class HeadParser {

  // RFC 9112, 3: separated by single spaces.
  private static final Pattern REQUEST_LINE =
      Pattern.compile("([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\\x21-\\x7e]+) HTTP/([0-9])\\.([0-9])");

  // RFC 9112, 4: the reason may be missing. Some servers also omit the space before it.
  private static final Pattern STATUS_LINE =
      Pattern.compile("HTTP/1\\.[0-9] ([1-5][0-9]{2})( .*)?");

  // RFC 3986, 3.2.2 and 3.2.3: the port may be empty.
  private static final Pattern HOST =
      Pattern.compile("([A-Za-z0-9._~!$&'()*+,;=%-]+|\\[[0-9A-Fa-f:.]+])(:[0-9]{0,5})?");

  // RFC 9112, 3.2.2: the absolute form. The other forms are for proxies and not supported.
  private static final Pattern ABSOLUTE = Pattern.compile("(?i)(ws|wss|http|https)://");

  private static final Pattern BAD_ESCAPE = Pattern.compile("%(?![0-9A-Fa-f]{2})");

  /** One decoder per event loop. One per connection would need more memory than all the rest. */
  private static final FastThreadLocal<EmbeddedChannel> REQUESTS =
      new FastThreadLocal<>() {
        @Override
        protected EmbeddedChannel initialValue() {
          return new EmbeddedChannel(new HttpRequestDecoder(config()));
        }
      };

  private HeadParser() {}

  private static HttpDecoderConfig config() {
    return new HttpDecoderConfig() // limits above those of the scanner
        .setMaxInitialLineLength(2 * HeadScanner.MAX_START_LINE_BYTES)
        .setMaxHeaderSize(2 * HeadScanner.MAX_FIELDS_BYTES);
  }

  // Requests.

  static HttpRequest request(ByteBuf head, ProtocolContext context) {
    Matcher line = REQUEST_LINE.matcher(startLine(head));
    if (!line.matches()) {
      throw Refusal.bad("request line: malformed (expected: method, target and version)");
    }
    if (!line.group(3).equals("1")) {
      throw new Refusal(505, "version: HTTP/" + line.group(3) + " (expected: HTTP/1.1)");
    }
    boolean old = line.group(4).equals("0");
    HttpFields fields = fields(head);
    String target = line.group(2);
    checkTarget(target);
    checkHosts(fields.all("Host"), old);
    String authority = null;
    if (!target.startsWith("/")) { // RFC 9112, 3.2.2: the target overrides the Host header
      int start = target.indexOf("://") + 3;
      int path = pathIndex(target, start);
      authority = target.substring(start, path);
      checkHost(authority);
      target = target.substring(path);
      target = target.startsWith("/") ? target : "/" + target;
    }
    if (!old && fields.first("Expect") != null) { // RFC 9110, 10.1.1
      throw new Refusal(417, "header Expect: set (expected: none)");
    }
    String method = HttpMethod.valueOf(line.group(1)).name(); // shared, not one per connection
    return new HttpRequest(method, target, authority, !old, fields, context);
  }

  private static String startLine(ByteBuf head) {
    int start = head.readerIndex() + (head.getByte(head.readerIndex()) == '\r' ? 2 : 0);
    int end = head.indexOf(start, head.writerIndex(), (byte) '\r');
    return head.toString(start, end - start, ISO_8859_1);
  }

  private static void checkTarget(String target) {
    if (!target.startsWith("/") && !ABSOLUTE.matcher(target).lookingAt()) {
      throw Refusal.bad("target: " + Refusal.shown(target) + " (expected: a path or a URI)");
    }
    if (target.indexOf('#') >= 0) { // RFC 9112, 3.2; RFC 6455, 3
      throw Refusal.bad("target: with a fragment (expected: none)");
    }
    if (BAD_ESCAPE.matcher(target).find()) {
      throw Refusal.bad("target: malformed percent-encoding (expected: %XX, RFC 3986, 2.1)");
    }
  }

  private static int pathIndex(String target, int start) {
    int index = start;
    while (index < target.length() && "/?".indexOf(target.charAt(index)) < 0) {
      index++;
    }
    return index;
  }

  /** Checks that there is exactly one host, or none over HTTP/1.0 (RFC 9112, 3.2). */
  private static void checkHosts(List<String> hosts, boolean old) {
    if (hosts.isEmpty() && old) {
      return;
    }
    if (hosts.size() != 1) {
      throw Refusal.bad("header Host: " + hosts.size() + " lines (expected: 1)");
    }
    checkHost(hosts.get(0));
  }

  private static void checkHost(String host) {
    if (!HOST.matcher(host).matches()) {
      throw Refusal.bad("header Host: " + Refusal.shown(host) + " (expected: host or host:port)");
    }
  }

  private static HttpFields fields(ByteBuf head) {
    EmbeddedChannel decoder = REQUESTS.get();
    HttpMessage message = null;
    boolean clean = false;
    try {
      decoder.writeInbound(head.retainedSlice());
      message = decoder.readInbound();
      clean = isClean(decoder, message);
    } finally {
      if (!clean) { // the decoder expects content, or has failed
        REQUESTS.remove();
        decoder.finishAndReleaseAll();
      }
    }
    return checked(message);
  }

  private static boolean isClean(EmbeddedChannel decoder, @Nullable HttpMessage message) {
    Object end = decoder.readInbound();
    ReferenceCountUtil.release(end);
    return message != null
        && message.decoderResult().isSuccess()
        && end instanceof LastHttpContent
        && decoder.inboundMessages().isEmpty();
  }

  private static HttpFields checked(@Nullable HttpMessage message) {
    if (message == null || message.decoderResult().isFailure()) {
      throw Refusal.bad("header lines: malformed or contradictory (expected: RFC 9112, 5 and 6)");
    }
    return HttpFields.of(message.headers());
  }

  // Responses.

  /** Parses the head of a response. */
  static HttpResponse response(ByteBuf head) {
    Matcher line = STATUS_LINE.matcher(startLine(head));
    if (!line.matches()) {
      throw Refusal.bad("status line: malformed (expected: HTTP/1.1, status and reason)");
    }
    EmbeddedChannel decoder = new EmbeddedChannel(new HttpResponseDecoder(config()));
    try {
      decoder.writeInbound(head.retainedSlice());
      HttpMessage message = decoder.readInbound();
      return new HttpResponse(
          Integer.parseInt(line.group(1)), checked(message), HttpResponse.EMPTY);
    } finally {
      decoder.finishAndReleaseAll();
    }
  }
}
