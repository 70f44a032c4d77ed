package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.websocket.WebSocketMessage.Fragment;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Close frames and fragments on connections whose messages are published. */
@Timeout(60)
class PublishedControlTest {

  private static final int PLAIN = 0;
  private static final int TAKEOVER = 2;

  private final Topic<WebSocketMessage> topic = Topic.of("news");
  private final Queue<CloseReason> closed = new ConcurrentLinkedQueue<>();
  private final List<Listener> peers = new ArrayList<>();
  private @Nullable Server server;

  /** A client that records messages and the close frame: the JDK's, or Jev's with compression. */
  private static final class Listener
      implements WebSocket.Listener, Handler<WebSocketMessage, WebSocketMessage> {
    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
    private final StringBuilder message = new StringBuilder();
    private @Nullable Client<WebSocketMessage> client;

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      message.append(data);
      if (last) {
        events.add(message.toString());
        message.setLength(0);
      }
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      events.add("close " + code + " " + reason);
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      events.add("error " + error);
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      events.add(((Text) message).text());
    }

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      WebSocketClose close = connection.attribute(WebSocketClose.class);
      assertThat(close).isNotNull();
      WebSocketMessage.Close received = close.received();
      assertThat(received).isNotNull();
      events.add("close " + received.code() + " " + received.reason());
    }

    private void connect(int port, int compression) throws Exception {
      URI uri = URI.create("ws://127.0.0.1:" + port);
      if (compression == PLAIN) {
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(uri, this)
            .get(10, TimeUnit.SECONDS)
            .sendText("hello", true);
      } else {
        var target = WebSocketProtocol.client(uri).compression(compression(compression));
        client = Client.builder(target.build(), this).connect(target.address());
        client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
        client.send(WebSocketMessage.text("hello"));
      }
    }

    private Listener expects(String... expected) throws InterruptedException {
      for (String event : expected) {
        assertThat(events.poll(10, TimeUnit.SECONDS)).isEqualTo(event);
      }
      return this;
    }
  }

  private interface OnText {
    void accept(Connection<WebSocketMessage> connection, String text);
  }

  private void start(int loops, int compression, int count, OnText onText) throws Exception {
    Handler<WebSocketMessage, WebSocketMessage> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<WebSocketMessage> connection) {
            topic.subscribe(connection);
          }

          @Override
          public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
            onText.accept(connection, ((Text) message).text());
          }

          @Override
          public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
            closed.add(reason);
          }
        };
    WebSocketServerBuilder protocol = WebSocketProtocol.server();
    if (compression != PLAIN) {
      protocol.compression(compression(compression));
    }
    server =
        Server.builder(protocol.build(), handler).listen("127.0.0.1:0").eventLoops(loops).start();
    for (int i = 0; i < count; i++) {
      Listener listener = new Listener();
      peers.add(listener);
      listener.connect(server.port(), compression);
    }
  }

  @AfterEach
  void stop() {
    for (Listener peer : peers) {
      if (peer.client != null) {
        peer.client.close();
      }
    }
    if (server != null) {
      server.close();
    }
  }

  private void awaitSubscribers() throws InterruptedException {
    while (topic.size() < peers.size()) {
      Thread.onSpinWait();
    }
  }

  private static WebSocketCompression compression(int kind) {
    WebSocketCompression all = WebSocketCompression.DEFAULT.minBytes(1);
    return kind == TAKEOVER ? all.contextTakeover() : all;
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "3, 0", "1, 1", "3, 1", "1, 2", "3, 2"}) // loops, kind of compression
  void publishedCloseClosesAllSubscribers(int loops, int compression) throws Exception {
    start(loops, compression, 5, (connection, text) -> {});
    awaitSubscribers();
    topic.publish(WebSocketMessage.text("before"));
    topic.publish(WebSocketMessage.close(4001, "the end"));
    topic.publish(WebSocketMessage.text("after"));
    for (Listener peer : peers) {
      peer.expects("before", "close 4001 the end");
    }
    while (closed.size() < 5) {
      Thread.onSpinWait();
    }
    assertThat(closed).allMatch(reason -> reason.kind() == CloseReason.Kind.CLOSED);
    assertThat(peers).allMatch(peer -> peer.events.isEmpty());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void closeFrameComesAfterWhatWasPublishedBefore(int loops) throws Exception {
    AtomicBoolean begun = new AtomicBoolean();
    start(
        loops,
        PLAIN,
        5,
        (connection, text) -> {
          if (topic.size() == 5 && begun.compareAndSet(false, true)) {
            for (int i = 0; i < 300; i++) {
              topic.publish(WebSocketMessage.text("n" + i));
            }
            topic.forEach(each -> each.send(WebSocketMessage.close(4002, "bye")));
          }
        });
    for (Listener peer : peers) {
      for (int i = 0; i < 300; i++) {
        peer.expects("n" + i);
      }
      peer.expects("close 4002 bye");
    }
  }

  @Test
  void nothingIsAcceptedAfterACloseFrame() throws Exception {
    Queue<Boolean> sent = new ConcurrentLinkedQueue<>();
    start(
        1,
        PLAIN,
        1,
        (connection, text) -> {
          sent.add(connection.send(WebSocketMessage.close(4003, "bye")));
          sent.add(connection.send(WebSocketMessage.text("too late")));
        });
    peers.get(0).expects("close 4003 bye");
    assertThat(sent).containsExactly(true, false);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1_000}) // published messages, which the close waits for
  void deliveredCloseFrameIsWrittenWhenItsFutureCompletes(int published) throws Exception {
    start(
        1,
        PLAIN,
        1,
        (connection, text) -> {
          for (int i = 0; i < published; i++) {
            topic.publish(WebSocketMessage.text("n" + i));
          }
          connection
              .deliver(WebSocketMessage.close(4005, "bye"))
              .written()
              .thenRun(connection::closeNow);
        });
    for (int i = 0; i < published; i++) {
      peers.get(0).expects("n" + i);
    }
    peers.get(0).expects("close 4005 bye");
  }

  @Test
  void closeFrameMayStandBetweenFragments() throws Exception {
    start(
        1,
        PLAIN,
        1,
        (connection, text) -> {
          connection.send(part("a", true, false));
          topic.publish(WebSocketMessage.text("dropped with the rest of the message"));
          connection.send(WebSocketMessage.close(4004, "bye"));
        });
    peers.get(0).expects("close 4004 bye");
    while (closed.isEmpty()) {
      Thread.onSpinWait();
    }
    assertThat(topic.counts().dropped()).isEqualTo(1);
  }

  @Test
  void fragmentIsNotPublished() {
    ByteBuf content = Unpooled.copiedBuffer("part", US_ASCII);
    assertThatThrownBy(() -> topic.publish(new Fragment(content, true, true, false)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "message: dev.jev.websocket.WebSocketMessage$Fragment"
                + " (expected: one that may go to many connections; send this one to each)");
    assertThat(content.refCnt()).isZero();
  }

  private static Fragment part(String text, boolean first, boolean last) {
    return new Fragment(Unpooled.copiedBuffer(text, US_ASCII), true, first, last);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void messagePublishedBetweenFragmentsWaitsForTheLastOne(int compression) throws Exception {
    start(
        1,
        compression,
        1,
        (connection, text) -> {
          connection.send(part("a", true, false));
          topic.publish(WebSocketMessage.text("published"));
          connection.runAfter(
              Duration.ofMillis(30),
              () -> {
                connection.send(part("b", false, false));
                topic.publish(WebSocketMessage.text("published later"));
                connection.runAfter( // behind that, however late a timer is
                    Duration.ofMillis(30),
                    () -> {
                      connection.send(part("c", false, true));
                      connection.send(WebSocketMessage.text("sent"));
                    });
              });
        });
    peers.get(0).expects("abc").expects("published", "published later", "sent");
    assertThat(topic.counts().dropped()).isZero();
    assertThat(topic.counts().delivered()).isEqualTo(2);
  }

  @Test
  void messagesThatWaitForFragmentsMeetThePolicy() throws Exception {
    start(
        1,
        PLAIN,
        1,
        (connection, text) -> {
          topic.subscribe(connection, SlowConsumer.<WebSocketMessage>close().maxBytes(2_000));
          connection.send(part("a", true, false));
          for (int i = 0; i < 30; i++) {
            topic.publish(WebSocketMessage.text("x".repeat(100)));
          }
        });
    while (closed.isEmpty()) {
      Thread.onSpinWait();
    }
    assertThat(closed).allMatch(reason -> reason.kind() == CloseReason.Kind.OVERFLOW);
    assertThat(topic.counts().closed()).isEqualTo(1);
  }
}
