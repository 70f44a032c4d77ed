package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.test.TestContext;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.handler.codec.FixedLengthFrameDecoder;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpContentCompressor;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.string.StringEncoder;
import io.netty.util.ReferenceCountUtil;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many messages in one read, with codecs whose encoder follows their decoder. */
@Timeout(60)
class NettyCodecPipeliningTest {

  private static final int REQUESTS = 2_000;
  private static final int MAX_BODY_BYTES = 100_000;

  private static List<ChannelHandler> http() {
    return List.of(new HttpServerCodec(), new HttpObjectAggregator(MAX_BODY_BYTES));
  }

  private static List<ChannelHandler> compressedHttp() {
    return List.of(
        new HttpServerCodec(),
        new HttpContentCompressor(),
        new HttpObjectAggregator(MAX_BODY_BYTES));
  }

  private static void reply(Connection<Object> connection, String body) {
    DefaultFullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.copiedBuffer(body, US_ASCII));
    response.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.length());
    connection.send(response);
  }

  private static final Handler<FullHttpRequest, Object> ECHO =
      (connection, request) -> reply(connection, request.uri());

  /** The shortest requests that the codec accepts, with a digit as their target. */
  private static String requests(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "G " + i % 10 + " HTTP/1.1\r\n\r\n")
        .collect(joining());
  }

  private static String responses(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + i % 10)
        .collect(joining());
  }

  private static String answers(
      List<ChannelHandler> handlers, Handler<FullHttpRequest, Object> handler, String requests)
      throws Exception {
    try (Server server =
            Server.builder(NettyCodec.of(FullHttpRequest.class, () -> handlers), handler)
                .listen("tcp://127.0.0.1:0")
                .eventLoops(1)
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(requests.getBytes(ISO_8859_1)).shutdownOutput();
      return new String(peer.readAll(), ISO_8859_1);
    }
  }

  @Test
  void thousandsOfRequestsAreAnswered() throws Exception {
    assertThat(answers(http(), ECHO, requests(5_000))).isEqualTo(responses(5_000));
  }

  @Test
  void thousandsOfRequestsAreAnsweredThroughACompressor() throws Exception {
    assertThat(answers(compressedHttp(), ECHO, requests(REQUESTS))).isEqualTo(responses(REQUESTS));
  }

  @Test
  void thousandsOfRequestsBehindALongBodyAreAnswered() throws Exception {
    String post = "POST /post HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + "x".repeat(50_000);
    assertThat(answers(http(), ECHO, post + requests(REQUESTS)))
        .isEqualTo("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n/post" + responses(REQUESTS));
  }

  @Test
  void thousandsOfRequestsAreAnsweredByAHandlerThatPauses() throws Exception {
    Handler<FullHttpRequest, Object> pausing =
        (connection, request) -> {
          String uri = request.uri();
          connection.pauseReading();
          connection.execute(
              () -> {
                reply(connection, uri);
                connection.resumeReading();
              });
        };
    assertThat(answers(http(), pausing, requests(REQUESTS))).isEqualTo(responses(REQUESTS));
  }

  @Test
  void thousandsOfRequestsAreAnsweredByAnOffloadedHandler() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try {
      List<ChannelHandler> handlers =
          List.of(
              new HttpServerCodec(
                  new HttpDecoderConfig(), /* maxPipelineDepth= */ Integer.MAX_VALUE),
              new HttpObjectAggregator(MAX_BODY_BYTES));
      assertThat(answers(handlers, ECHO.offload(executor), requests(REQUESTS)))
          .isEqualTo(responses(REQUESTS));
    } finally {
      executor.shutdown();
    }
  }

  @Test
  void codecForBothDirectionsDecodesAtMostTwoKilobytesAhead() {
    assertThat(mostPending(new FixedLengthFrameDecoder(1), new ChannelDuplexHandler()))
        .isEqualTo(2 * 1024 - 1);
  }

  @Test
  void codecWhoseHandlersServeOneDirectionDecodesAtMostSixteenKilobytesAhead() {
    assertThat(mostPending(new FixedLengthFrameDecoder(1), new StringEncoder()))
        .isEqualTo(16 * 1024 - 1);
  }

  @Test
  void codecThatHandlersInstallDecodesAtMostTwoKilobytesAhead() {
    ChannelHandler initializer =
        new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel channel) {
            channel.pipeline().addLast(new FixedLengthFrameDecoder(1), new ChannelDuplexHandler());
          }
        };
    ChannelHandler upgrade =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelRead(ChannelHandlerContext ctx, Object bytes) {
            ctx.pipeline().addLast(new FixedLengthFrameDecoder(1), new ChannelDuplexHandler());
            ctx.pipeline().remove(this);
            ctx.fireChannelRead(bytes);
          }
        };
    assertThat(mostPending(initializer)).isEqualTo(2 * 1024 - 1);
    assertThat(mostPending(new FixedLengthFrameDecoder(1_000), upgrade)).isLessThan(3_000);
  }

  /**
   * Returns the maximum number of messages that wait while a long read is unpacked, after the first
   * bytes, during which handlers may be exchanged.
   */
  private static int mostPending(ChannelHandler... handlers) {
    int bytes = 64_000;
    Protocol<Object, Object> protocol = NettyCodec.of(() -> List.of(handlers)).get();
    TestContext context = new TestContext();
    protocol.open(context);
    ByteBuf in = Unpooled.wrappedBuffer(new byte[bytes]);
    int messages = 0;
    int mostPending = 0;
    for (Object message; (message = protocol.unpack(context, in)) != null; messages++) {
      if (messages > 20_000) {
        mostPending = Math.max(mostPending, protocol.pendingMessages());
      }
      ReferenceCountUtil.release(message);
    }
    assertThat(messages).isEqualTo(bytes);
    in.release();
    return mostPending;
  }
}
