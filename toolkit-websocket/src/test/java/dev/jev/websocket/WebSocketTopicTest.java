package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.zip.Inflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A topic whose subscribers have negotiated different parameters. */
@Timeout(60)
class WebSocketTopicTest {

  private static final String COMPRESSION = "Sec-WebSocket-Extensions: permessage-deflate";
  private static final String SMALL_WINDOW = COMPRESSION + "; server_max_window_bits=10";
  private static final List<String> NEWS =
      List.of("news for all ".repeat(100), "news for some ".repeat(90));

  private final Topic<String> topic = Topic.of("news");
  private final BlockingQueue<Connection<String>> subscribed = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> fromClients = new LinkedBlockingQueue<>();
  private final AtomicInteger packed = new AtomicInteger();
  private final Function<String, WebSocketMessage> counted =
      this::count; // the same function for all connections

  /** Subscribes every connection. */
  private final Handler<WebSocketMessage, String> subscribing =
      new Handler<>() {
        @Override
        public void onConnect(Connection<String> connection) {
          topic.subscribe(connection);
          subscribed.add(connection);
        }

        @Override
        public void onMessage(Connection<String> connection, WebSocketMessage message) {
          fromClients.add(((Text) message).text());
        }
      };

  /** Counts the encodings of messages. */
  private WebSocketMessage count(String text) {
    packed.incrementAndGet();
    return WebSocketMessage.text(text);
  }

  private Server server(WebSocketCompression compression) {
    Supplier<WebSocketProtocol> protocols =
        WebSocketProtocol.server().compression(compression).build();
    return Server.builder(() -> protocols.get().mapOutbound(counted), subscribing)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1)
        .lingeringCloseTimeout(Duration.ofMillis(50))
        .start();
  }

  private void awaitSubscriber() throws InterruptedException {
    assertThat(subscribed.poll(20, SECONDS)).isNotNull();
  }

  private HttpPeer peer(Server server, String... lines) throws Exception {
    HttpPeer peer = HttpPeer.connect(server);
    peer.write(HttpPeer.handshake(lines));
    assertThat(peer.read().status()).isEqualTo(101);
    awaitSubscriber();
    return peer;
  }

  /** Reads the next frame; returns its first byte and its payload. */
  private static byte[] frame(HttpPeer peer) throws IOException {
    int first = peer.raw().read();
    int length = peer.raw().read();
    if (length == 126) {
      length = (peer.raw().read() << 8) | peer.raw().read();
    }
    byte[] frame = new byte[1 + length];
    frame[0] = (byte) first;
    System.arraycopy(peer.raw().read(length), 0, frame, 1, length);
    return frame;
  }

  private static String inflate(Inflater inflater, byte[] frame) throws Exception {
    assertThat(frame[0]).isEqualTo((byte) 0xc1);
    byte[] deflated = Arrays.copyOfRange(frame, 1, frame.length + 4);
    deflated[deflated.length - 1] = (byte) 0xff;
    deflated[deflated.length - 2] = (byte) 0xff;
    inflater.setInput(deflated);
    byte[] text = new byte[10_000];
    return new String(text, 0, inflater.inflate(text), UTF_8);
  }

  private static String inflateAlone(byte[] frame) throws Exception {
    Inflater inflater = new Inflater(/* nowrap= */ true);
    try {
      return inflate(inflater, frame);
    } finally {
      inflater.end();
    }
  }

  @Test
  void allSubscribersGetTheMessageAndEachEncodingIsMadeOnce() throws Exception {
    List<AutoCloseable> open = new ArrayList<>();
    Server server = server(WebSocketCompression.DEFAULT);
    try {
      HttpPeer one = peer(server, COMPRESSION);
      open.add(one);
      HttpPeer two = peer(server, COMPRESSION);
      open.add(two);
      HttpPeer small = peer(server, SMALL_WINDOW);
      open.add(small);
      HttpPeer plain = peer(server);
      open.add(plain);
      HttpPeer plainToo = peer(server);
      open.add(plainToo);
      for (int i = 0; i < NEWS.size(); i++) {
        String news = NEWS.get(i);
        assertThat(topic.publish(news)).isTrue();
        byte[] compressed = frame(one);
        assertThat(inflateAlone(compressed)).isEqualTo(news);
        assertThat(frame(two)).isEqualTo(compressed);
        assertThat(inflateAlone(frame(small))).isEqualTo(news);
        byte[] text = ("\u0001" + news).getBytes(UTF_8);
        text[0] = (byte) 0x81;
        assertThat(frame(plain)).isEqualTo(text);
        assertThat(frame(plainToo)).isEqualTo(text);
        assertThat(packed).hasValue(3 * (i + 1));
      }
    } finally {
      for (AutoCloseable each : open) {
        each.close();
      }
      server.close();
    }
  }

  @Test
  void subscriberWithContextTakeoverGetsItsOwnEncoding() throws Exception {
    Server server = server(WebSocketCompression.DEFAULT.contextTakeover());
    Inflater ofEarly = new Inflater(/* nowrap= */ true);
    Inflater ofLate = new Inflater(/* nowrap= */ true);
    try (HttpPeer early = peer(server, COMPRESSION)) {
      topic.publish(NEWS.get(0));
      assertThat(inflate(ofEarly, frame(early))).isEqualTo(NEWS.get(0));
      try (HttpPeer late = peer(server, COMPRESSION)) {
        topic.publish(NEWS.get(0));
        byte[] again = frame(early);
        byte[] first = frame(late);
        assertThat(again.length).isLessThan(first.length);
        assertThat(inflate(ofEarly, again)).isEqualTo(NEWS.get(0));
        assertThat(inflate(ofLate, first)).isEqualTo(NEWS.get(0));
        assertThat(packed).hasValue(3);
      }
    } finally {
      ofEarly.end();
      ofLate.end();
      server.close();
    }
  }

  @Test
  void clientsMaySubscribeToo() throws Exception {
    Server server = server(WebSocketCompression.DEFAULT);
    WebSocketClientBuilder builder =
        WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + server.port() + "/ws"));
    Supplier<WebSocketProtocol> plain = builder.build();
    Supplier<WebSocketProtocol> compressed = builder.compression().build();
    Function<String, WebSocketMessage> message = WebSocketMessage::text;
    Topic<String> requests = Topic.of("requests");
    BlockingQueue<Connection<String>> joined = new LinkedBlockingQueue<>();
    Handler<WebSocketMessage, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            requests.subscribe(connection);
            joined.add(connection);
          }

          @Override
          public void onMessage(Connection<String> connection, WebSocketMessage ignored) {}
        };
    try (Client<String> one =
            Client.builder(() -> plain.get().mapOutbound(message), handler)
                .lingeringCloseTimeout(Duration.ofMillis(50))
                .connect(builder.address());
        Client<String> two =
            Client.builder(() -> compressed.get().mapOutbound(message), handler)
                .lingeringCloseTimeout(Duration.ofMillis(50))
                .connect(builder.address())) {
      assertThat(List.of(one, two)).doesNotHaveDuplicates();
      assertThat(joined.poll(20, SECONDS)).isNotNull();
      assertThat(joined.poll(20, SECONDS)).isNotNull();
      for (String news : NEWS) {
        requests.publish(news);
        assertThat(fromClients.poll(20, SECONDS)).isEqualTo(news);
        assertThat(fromClients.poll(20, SECONDS)).isEqualTo(news);
      }
    } finally {
      server.close();
    }
  }

  @Test
  void retainedMessagesKeepNoReadBuffers() {
    Topic<WebSocketMessage> retaining = Topic.<WebSocketMessage>of("news").retaining(100);
    ByteBuf large = PooledByteBufAllocator.DEFAULT.directBuffer(64 * 1024).writeZero(64 * 1024);
    retaining.publish(WebSocketMessage.text(large.readRetainedSlice(5)));
    retaining.publish(WebSocketMessage.binary(large.readRetainedSlice(5)));
    retaining.publish(WebSocketMessage.ping(large.readRetainedSlice(5)));
    retaining.publish(WebSocketMessage.pong(large.readRetainedSlice(5)));
    large.release();
    assertThat(large.refCnt()).isZero();
    assertThat(retaining.retained().messages()).isEqualTo(4);
    retaining.clearRetained();
  }
}
