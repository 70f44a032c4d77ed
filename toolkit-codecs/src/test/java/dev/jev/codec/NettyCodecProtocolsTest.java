package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.test.Hex;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpServerKeepAliveHandler;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.memcache.binary.BinaryMemcacheObjectAggregator;
import io.netty.handler.codec.memcache.binary.BinaryMemcacheOpcodes;
import io.netty.handler.codec.memcache.binary.BinaryMemcacheServerCodec;
import io.netty.handler.codec.memcache.binary.DefaultFullBinaryMemcacheResponse;
import io.netty.handler.codec.memcache.binary.FullBinaryMemcacheRequest;
import io.netty.handler.codec.mqtt.MqttConnectReturnCode;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttEncoder;
import io.netty.handler.codec.mqtt.MqttMessage;
import io.netty.handler.codec.mqtt.MqttMessageBuilders;
import io.netty.handler.codec.stomp.DefaultStompFrame;
import io.netty.handler.codec.stomp.StompCommand;
import io.netty.handler.codec.stomp.StompFrame;
import io.netty.handler.codec.stomp.StompHeaders;
import io.netty.handler.codec.stomp.StompSubframeAggregator;
import io.netty.handler.codec.stomp.StompSubframeDecoder;
import io.netty.handler.codec.stomp.StompSubframeEncoder;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Codecs of Netty, with bytes from the specifications of the protocols. */
@Timeout(60)
class NettyCodecProtocolsTest {

  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private <I> RawPeer connect(
      Class<I> type, Supplier<List<ChannelHandler>> handlers, Handler<I, Object> handler)
      throws Exception {
    server =
        Server.builder(NettyCodec.of(type, handlers), handler).listen("tcp://127.0.0.1:0").start();
    return RawPeer.connect(server);
  }

  // HTTP/1.1, RFC 9112.

  private static List<ChannelHandler> httpHandlers() {
    return List.of(
        new HttpServerCodec(), new HttpServerKeepAliveHandler(), new HttpObjectAggregator(1_000));
  }

  private static String request(String method, String target, String... headers) {
    String lines = headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n";
    return method + " " + target + " HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n";
  }

  /** Replies with the target and the body. */
  private static final Handler<FullHttpRequest, Object> HTTP_ECHO =
      (connection, request) ->
          connection.send(response(request.uri() + " " + request.content().toString(US_ASCII)));

  private static FullHttpResponse response(String body) {
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.copiedBuffer(body, US_ASCII));
    response.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.length());
    return response;
  }

  private static final String HEAD_OF_THREE = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";

  private static String ok(String body) {
    return "HTTP/1.1 200 OK\r\ncontent-length: " + body.length() + "\r\n\r\n" + body;
  }

  private String http(String request) throws Exception {
    try (RawPeer peer =
        connect(FullHttpRequest.class, NettyCodecProtocolsTest::httpHandlers, HTTP_ECHO)) {
      peer.write(request.getBytes(ISO_8859_1)).shutdownOutput();
      return new String(peer.readAll(), ISO_8859_1);
    }
  }

  @Test
  void httpRequestsOfOneReadAreAnsweredInOrder() throws Exception {
    String chunks = "3\r\nfoo\r\n3\r\nbar\r\n0\r\n\r\n";
    assertThat(
            http(
                request("GET", "/a")
                    + (request("POST", "/b", "Content-Length: 5") + "hello")
                    + (request("POST", "/c", "Transfer-Encoding: chunked") + chunks)))
        .isEqualTo(ok("/a ") + ok("/b hello") + ok("/c foobar"));
  }

  @Test
  void httpHeadHasNoBodyAmongRequestsThatHaveOne() throws Exception {
    assertThat(http(request("GET", "/a") + request("HEAD", "/b") + request("GET", "/c")))
        .isEqualTo(ok("/a ") + HEAD_OF_THREE + ok("/c "));
  }

  @Test
  void httpContinueComesBehindTheReplyBeforeIt() throws Exception {
    String post = request("POST", "/b", "Expect: 100-continue", "Content-Length: 5");
    assertThat(http(request("HEAD", "/a") + post + "hello"))
        .isEqualTo(HEAD_OF_THREE + "HTTP/1.1 100 Continue\r\n\r\n" + ok("/b hello"));
  }

  @Test
  void httpBodyThatIsTooLongIsRefusedBehindTheReplyBeforeIt() throws Exception {
    String post = request("POST", "/b", "Content-Length: 1001") + "x".repeat(1_001);
    assertThat(http(request("GET", "/a") + post))
        .startsWith(ok("/a ") + "HTTP/1.1 413 Request Entity Too Large\r\n");
  }

  @Test
  void httpConnectionClosesWhenTheRequestSaysSo() throws Exception {
    String requests = request("GET", "/a") + request("GET", "/b", "Connection: close");
    try (RawPeer peer =
        connect(FullHttpRequest.class, NettyCodecProtocolsTest::httpHandlers, HTTP_ECHO)) {
      peer.write(requests.getBytes(US_ASCII));
      assertThat(new String(peer.readAll(), US_ASCII))
          .isEqualTo(ok("/a ") + ok("/b ").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"));
    }
  }

  @Test
  void httpResponseMayBeSentAgainAsADuplicate() throws Exception {
    FullHttpResponse shared = response("shared");
    try (RawPeer peer =
        connect(
            FullHttpRequest.class,
            NettyCodecProtocolsTest::httpHandlers,
            (connection, request) -> connection.send(shared.retainedDuplicate()))) {
      peer.write(request("GET", "/").repeat(3).getBytes(US_ASCII));
      peer.shutdownOutput();
      assertThat(new String(peer.readAll(), US_ASCII)).isEqualTo(ok("shared").repeat(3));
    }
    assertThat(shared.refCnt()).isEqualTo(1);
    shared.release();
  }

  @Test
  void httpClientSpeaksToHttpServer() throws Exception {
    CompletableFuture<String> reply = new CompletableFuture<>();
    try (RawPeer unused =
            connect(FullHttpRequest.class, NettyCodecProtocolsTest::httpHandlers, HTTP_ECHO);
        Client<Object> client =
            Client.builder(
                    NettyCodec.of(
                        FullHttpResponse.class,
                        () -> List.of(new HttpClientCodec(), new HttpObjectAggregator(1_000))),
                    (Connection<Object> connection, FullHttpResponse response) ->
                        reply.complete(response.content().toString(US_ASCII)))
                .connect("tcp://127.0.0.1:" + server.port())) {
      Connection<Object> connection = client.connected().toCompletableFuture().get(10, SECONDS);
      FullHttpRequest request =
          new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/client");
      request.headers().set(HttpHeaderNames.HOST, "x");
      connection.send(request);
      assertThat(reply.get(10, SECONDS)).isEqualTo("/client ");
      unused.shutdownOutput().expectEnd();
    }
  }

  // MQTT 3.1.1.

  @Test
  void mqttPublicationComesBack() throws Exception {
    Handler<MqttMessage, Object> broker =
        (connection, message) -> {
          switch (message.fixedHeader().messageType()) {
            case CONNECT ->
                connection.send(
                    MqttMessageBuilders.connAck()
                        .returnCode(MqttConnectReturnCode.CONNECTION_ACCEPTED)
                        .build());
            case PINGREQ -> connection.send(MqttMessage.PINGRESP);
            case PUBLISH -> connection.send(message);
            default -> connection.close();
          }
        };
    try (RawPeer peer =
        connect(
            MqttMessage.class,
            () -> List.of(new MqttDecoder(1_000), MqttEncoder.INSTANCE),
            broker)) {
      String connect = "10 0d 0004 4d515454 04 02 003c 0001 61"; // "MQTT", clean, 60 s, client "a"
      String publish = "30 07 0003 612f62 6869"; // topic a/b, "hi"
      peer.write(Hex.bytes(connect + publish + "c0 00" + "e0 00"));
      assertThat(peer.readAll()).isEqualTo(Hex.bytes("20 02 0000" + publish + "d0 00"));
    }
  }

  // Memcached's binary protocol.

  @Test
  void memcacheGetIsAnswered() throws Exception {
    Handler<FullBinaryMemcacheRequest, Object> store =
        (connection, request) -> {
          ByteBuf extras = Unpooled.buffer(4).writeInt(0);
          ByteBuf value = Unpooled.copiedBuffer("value of " + request.key().toString(UTF_8), UTF_8);
          DefaultFullBinaryMemcacheResponse response =
              new DefaultFullBinaryMemcacheResponse(null, extras, value);
          response.setOpcode(BinaryMemcacheOpcodes.GET);
          response.setOpaque(request.opaque());
          response.setTotalBodyLength(4 + value.readableBytes());
          connection.send(response);
        };
    try (RawPeer peer =
        connect(
            FullBinaryMemcacheRequest.class,
            () ->
                List.of(new BinaryMemcacheServerCodec(), new BinaryMemcacheObjectAggregator(1_000)),
            store)) {
      String header = "80 00 0005 00 00 0000 00000005 deadbeef 0000000000000000";
      peer.write(Hex.bytes(header + "48656c6c6f")); // get "Hello"
      peer.shutdownOutput();
      String reply = "81 00 0000 04 00 0000 00000012 deadbeef 0000000000000000 00000000";
      assertThat(peer.readAll())
          .startsWith(Hex.bytes(reply))
          .endsWith("value of Hello".getBytes(US_ASCII))
          .hasSize(24 + 18);
    }
  }

  // STOMP 1.2.

  @Test
  void stompFramesAreAnswered() throws Exception {
    Handler<StompFrame, Object> broker =
        (connection, frame) -> {
          boolean connects = frame.command() == StompCommand.CONNECT;
          StompFrame answer =
              new DefaultStompFrame(
                  connects ? StompCommand.CONNECTED : StompCommand.MESSAGE,
                  connects ? Unpooled.EMPTY_BUFFER : frame.content());
          if (connects) {
            answer.headers().set(StompHeaders.VERSION, "1.2");
          } else {
            answer
                .headers()
                .set(StompHeaders.DESTINATION, frame.headers().get(StompHeaders.DESTINATION));
          }
          connection.send(answer);
        };
    try (RawPeer peer =
        connect(
            StompFrame.class,
            () ->
                List.of(
                    new StompSubframeDecoder(),
                    new StompSubframeAggregator(1_000),
                    new StompSubframeEncoder()),
            broker)) {
      peer.write(
          "CONNECT\naccept-version:1.2\nhost:x\n\n\0\nSEND\ndestination:/q\n\nhello\0\n"
              .getBytes(US_ASCII));
      peer.shutdownOutput();
      assertThat(new String(peer.readAll(), US_ASCII))
          .isEqualTo("CONNECTED\nversion:1.2\n\n\0" + "MESSAGE\ndestination:/q\n\nhello\0");
    }
  }
}
