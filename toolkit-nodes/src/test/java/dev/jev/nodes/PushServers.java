package dev.jev.nodes;

import dev.jev.ScheduledTask;
import dev.jev.Server;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.plugin.Drain;
import dev.jev.websocket.WebSocketHandshake;
import dev.jev.websocket.WebSocketMessage;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Two servers with topics on one node, for clients of the topic protocol. Clients may use all
 * topics but those whose name begins with {@code secret}. The query of the URL is the id of the
 * member.
 */
final class PushServers implements AutoCloseable {

  private static final Duration AGE = Duration.ofMinutes(5);

  /** Keeps all messages of a test. */
  private static final TopicKind<String> LONG =
      TopicKind.log(MessageCodec.json(), 100_000, AGE).presence().leaveAfter(Duration.ZERO);

  private static final TopicKind<String> SHORT = TopicKind.log(MessageCodec.json(), 10, AGE);
  private static final TopicKind<String> EVENTS = TopicKind.events(MessageCodec.json());

  private final Backplane engine = Backplane.inProcess();
  private final Nodes nodes = Nodes.builder(engine).build();
  private final TopicSocket socket =
      TopicSocket.builder(nodes)
          .gate(PushServers::grant)
          .member(PushServers::member)
          .publishRate(10_000, 10_000)
          .build();
  private final Drain drain =
      Drain.builder()
          .withoutShutdownHook()
          .acceptTime(Duration.ZERO)
          .spread(Duration.ofMillis(100))
          .build();
  final Server first = start(socket.server().plugin(drain));
  final Server second = start(socket.server());

  private static Server start(Server.Builder<WebSocketMessage, WebSocketMessage> server) {
    return server.listen("tcp://127.0.0.1:0").start();
  }

  private static CompletionStage<Grant> grant(TopicGate.Request request) {
    boolean secret = request.topic().startsWith("secret");
    return CompletableFuture.completedStage(
        secret ? Grant.denied("secret") : Grant.readWrite(kind(request.topic())));
  }

  private static TopicKind<String> kind(String topic) {
    return topic.startsWith("short") ? SHORT : topic.startsWith("events") ? EVENTS : LONG;
  }

  private static Presence.Member member(WebSocketHandshake handshake) {
    String target = handshake.request().target();
    return new Presence.Member(target.substring(target.indexOf('?') + 1), "");
  }

  static String url(Server server) {
    return "ws://127.0.0.1:" + port(server) + "/topics?u1";
  }

  static String page(Server server) {
    return "http://127.0.0.1:" + port(server) + "/reload.html";
  }

  static String port(Server server) {
    return String.valueOf(server.port());
  }

  void publish(String topic, String json) {
    nodes.topic(topic, kind(topic)).publish(json);
  }

  /**
   * Publishes numbers from 1 on, 500 a second, then the text {@code "last"}.
   *
   * @param least how many numbers at least
   * @param cuts the number of connections of the first server that are closed meanwhile, one after
   *     each {@code between} numbers
   * @return the number so far
   */
  AtomicInteger publishNumbers(String topic, int least, int cuts, int between) {
    AtomicInteger number = new AtomicInteger();
    AtomicInteger cut = new AtomicInteger();
    AtomicReference<ScheduledTask> task = new AtomicReference<>();
    Runnable publishing =
        () -> {
          for (int i = 0; i < 5; i++) {
            if (number.get() >= least && cut.get() >= cuts) {
              publish(topic, "\"last\"");
              task.get().cancel();
              return;
            }
            publish(topic, String.valueOf(number.incrementAndGet()));
            if (number.get() % between == 0 && cut.get() < cuts) {
              first.connections().close(connection -> true).thenAccept(cut::addAndGet);
            }
          }
        };
    task.set(second.runEvery(Duration.ofMillis(10), publishing));
    return number;
  }

  /** Publishes so many numbers. */
  void publishNumbers(String topic, int count) {
    publishNumbers(topic, count, 0, 1);
  }

  /** Begins to close the first server. */
  void drainFirst() {
    drain.begin();
  }

  @Override
  public void close() {
    first.stop(Duration.ofSeconds(2));
    second.stop(Duration.ofSeconds(2));
    engine.close();
  }
}
