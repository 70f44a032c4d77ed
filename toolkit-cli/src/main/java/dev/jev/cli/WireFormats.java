package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Protocol;
import dev.jev.codec.NettyCodec;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpVersion;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Supplier;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The protocols that the command line knows. */
final class WireFormats {

  private static final int MAX_HTTP_BYTES = 16 * 1024 * 1024;

  private WireFormats() {}

  /**
   * Returns the protocol of a name.
   *
   * @throws IllegalArgumentException if there is none
   */
  static WireFormat<?, ?> of(String name) {
    List<String> names = new ArrayList<>();
    for (WireFormat<?, ?> format : all()) {
      if (format.name().equals(name)) {
        return format;
      }
      names.add(format.name());
    }
    try {
      return Class.forName(name)
          .asSubclass(WireFormat.class)
          .getDeclaredConstructor()
          .newInstance();
    } catch (ReflectiveOperationException | ClassCastException e) {
      throw new IllegalArgumentException(
          "protocol: %s (expected: %s, or a class of %s with a constructor without parameters)"
              .formatted(name, String.join(", ", names), WireFormat.class.getName()),
          e);
    }
  }

  private static List<WireFormat<?, ?>> all() {
    List<WireFormat<?, ?>> formats = new ArrayList<>();
    formats.addAll(
        List.of(new Lines(), new Length(), new Resp(), new Json(), new Ws(), new Http()));
    ServiceLoader.load(WireFormat.class).forEach(formats::add);
    return formats;
  }

  /** Lines of text. */
  private static final class Lines implements WireFormat<String, String> {

    @Override
    public String name() {
      return "lines";
    }

    @Override
    public Supplier<Protocol<String, String>> client(URI uri) {
      return Protocols::lines;
    }

    @Override
    public String message(byte[] typed) {
      return new String(typed, UTF_8);
    }

    @Override
    public byte[] print(String line) {
      return line.getBytes(UTF_8);
    }
  }

  /** Frames with a length of four bytes. */
  private static final class Length implements WireFormat<byte[], byte[]> {

    @Override
    public String name() {
      return "length";
    }

    @Override
    public Supplier<Protocol<byte[], byte[]>> client(URI uri) {
      return () -> Protocols.byteArrays(Protocols.lengthPrefixed());
    }

    @Override
    public byte[] message(byte[] typed) {
      return typed;
    }

    @Override
    public byte[] print(byte[] message) {
      return message;
    }
  }

  /** Commands of Redis, as words. */
  private static final class Resp implements WireFormat<RespValue, RespCommand> {

    @Override
    public String name() {
      return "resp";
    }

    @Override
    public Supplier<Protocol<RespValue, RespCommand>> client(URI uri) {
      return Protocols::respClient;
    }

    @Override
    public RespCommand message(byte[] typed) {
      List<String> words = Words.split(new String(typed, UTF_8));
      if (words.isEmpty()) {
        throw new IllegalArgumentException("command: blank (expected: words, such as GET key)");
      }
      return RespCommand.of(words.toArray(new String[0]));
    }

    @Override
    public byte[] print(RespValue value) {
      return Words.print(value.toResp2()).getBytes(UTF_8);
    }

    @Override
    public byte[] example(int bytes) {
      return "PING".getBytes(UTF_8);
    }

    @Override
    public boolean isError(RespValue answer) {
      return answer instanceof RespValue.SimpleError || answer instanceof RespValue.BulkError;
    }
  }

  /** JSON, one value per line. */
  private static final class Json implements WireFormat<JsonNode, JsonNode> {

    private final JsonMapper mapper = JsonMapper.shared();

    @Override
    public String name() {
      return "json";
    }

    @Override
    public Supplier<Protocol<JsonNode, JsonNode>> client(URI uri) {
      return Protocols::jsonLines;
    }

    @Override
    public JsonNode message(byte[] typed) {
      try {
        JsonNode value = mapper.readTree(typed);
        if (!value.isMissingNode()) {
          return value;
        }
      } catch (JacksonException e) {
        throw new IllegalArgumentException(
            "message: " + e.getOriginalMessage() + " (expected: a JSON value)", e);
      }
      throw new IllegalArgumentException("message: blank (expected: a JSON value)");
    }

    @Override
    public byte[] print(JsonNode value) {
      return mapper.writeValueAsBytes(value);
    }

    @Override
    public byte[] example(int bytes) {
      return ("\"" + "x".repeat(Math.max(0, bytes - 2)) + "\"").getBytes(UTF_8);
    }
  }

  /** WebSocket, with texts. */
  private static final class Ws implements WireFormat<WebSocketMessage, WebSocketMessage> {

    @Override
    public String name() {
      return "ws";
    }

    @Override
    public Supplier<? extends Protocol<WebSocketMessage, WebSocketMessage>> client(URI uri) {
      return WebSocketProtocol.client(uri).build();
    }

    @Override
    public WebSocketMessage message(byte[] typed) {
      return WebSocketMessage.text(Unpooled.wrappedBuffer(typed));
    }

    @Override
    public byte[] print(WebSocketMessage message) {
      return message instanceof WebSocketMessage.Payload payload
          ? ByteBufUtil.getBytes(payload.content())
          : message.toString().getBytes(UTF_8);
    }
  }

  /** HTTP/1.1: a path is requested. */
  private static final class Http implements WireFormat<FullHttpResponse, Object> {

    // Of the latest client; read by any thread.
    private volatile String host = "localhost";
    private volatile String path = "/";

    @Override
    public String name() {
      return "http";
    }

    @Override
    public Supplier<Protocol<FullHttpResponse, Object>> client(URI uri) {
      String authority = uri.getRawAuthority();
      host = authority == null ? "localhost" : authority; // a unix socket has none, and no path
      path = authority == null ? "/" : target(uri);
      return NettyCodec.of(
          FullHttpResponse.class,
          () -> List.of(new HttpClientCodec(), new HttpObjectAggregator(MAX_HTTP_BYTES)));
    }

    private static String target(URI uri) {
      String path = uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
      return uri.getRawQuery() == null ? path : path + "?" + uri.getRawQuery();
    }

    @Override
    public Object message(byte[] typed) {
      String wanted = typed.length == 0 ? path : new String(typed, UTF_8);
      FullHttpRequest request =
          new DefaultFullHttpRequest(
              HttpVersion.HTTP_1_1, HttpMethod.GET, wanted, Unpooled.EMPTY_BUFFER);
      request.headers().set(HttpHeaderNames.HOST, host);
      return request;
    }

    @Override
    public byte[] print(FullHttpResponse response) {
      String head = response.status() + "\n";
      return (head + response.content().toString(UTF_8)).getBytes(UTF_8);
    }

    @Override
    public byte[] example(int bytes) {
      return new byte[0];
    }

    @Override
    public boolean isError(FullHttpResponse answer) {
      return answer.status().code() >= 400;
    }
  }
}
