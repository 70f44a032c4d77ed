package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Connection;
import dev.jev.ScheduledTask;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.nodes.TopicGate.Request;
import dev.jev.websocket.WebSocketMessage;
import io.netty.buffer.ByteBufUtil;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One connection of a {@link TopicSocket}: its commands, its topics and its limits.
 *
 * <p>Each command is under way from its arrival until its outcome: until the gate has answered, the
 * subscription has begun, or the publication has a receipt. At the limit, reading pauses. That
 * bounds everything that a client can make wait: questions to the gate, commands behind them, and
 * publications.
 *
 * <p><b>Threads.</b> Calls hold the monitor, since the handler may be offloaded. They come from the
 * handler and from tasks of the connection, except the outcomes of publications: these take no
 * lock, because the node may complete them while it holds its own.
 *
 * <p><b>Closing.</b> The subscriptions of a connection, and with them its presence, end by
 * themselves. What completes afterwards finds a session that has ended, and does nothing.
 */
final class SocketSession {

  private static final int POLICY_VIOLATION = 1008;
  private static final int MIN_SUBSCRIPTIONS_PER_SECOND = 100;

  /** Maximum size of the messages under way, in bytes. */
  private static final long MAX_PENDING_BYTES = 256 * 1024;

  private static final Grant FAILED = Grant.denied("the server has failed");
  private static final Grant LATE = Grant.denied("the server has not decided in time");

  final TopicSocket socket;
  final Connection<WebSocketMessage> connection;

  private final AtomicInteger underWay = new AtomicInteger(); // commands, per topic
  private final AtomicLong underWayBytes = new AtomicLong(); // of their messages
  private volatile boolean paused; // writes guarded by this

  // Guarded by this.
  private final Map<String, SocketTopic> topics = new LinkedHashMap<>(4);
  private int wanted; // topics to which the client is, or waits to be, subscribed
  private final SocketRate publications;
  private final SocketRate subscriptions;
  private volatile boolean resting; // after too many subscriptions
  private boolean ended;

  SocketSession(TopicSocket socket, Connection<WebSocketMessage> connection) {
    this.socket = socket;
    this.connection = connection;
    long now = System.nanoTime();
    this.publications = new SocketRate(socket.publishesPerSecond, socket.publishBurst, now);
    int perSecond = Math.max(socket.maxTopics, MIN_SUBSCRIPTIONS_PER_SECOND);
    this.subscriptions = new SocketRate(perSecond, 2 * perSecond, now);
  }

  synchronized void onMessage(WebSocketMessage message) {
    if (ended
        || message instanceof WebSocketMessage.Ping
        || message instanceof WebSocketMessage.Pong) {
      return;
    }
    try {
      execute(Command.parse(utf8(message), socket.maxTopics));
    } catch (IllegalArgumentException e) {
      fail(String.valueOf(e.getMessage()));
    }
    pauseOrResume();
  }

  private byte[] utf8(WebSocketMessage message) {
    if (!(message instanceof WebSocketMessage.Text text)) {
      throw new IllegalArgumentException("message: not a text (expected: a text)");
    }
    Checks.inRange("message length", text.utf8Bytes(), 0, socket.maxTextBytes);
    return text.content().isReadable()
        ? ByteBufUtil.getBytes(text.content())
        : text.text().getBytes(UTF_8);
  }

  /** Tells the client of its fault, and closes the connection. */
  private void fail(String description) {
    end();
    connection.send(Envelope.error(description));
    connection.send(WebSocketMessage.close(POLICY_VIOLATION, "see error"));
  }

  /** Ends the session, since its connection has closed or closes. */
  synchronized void end() {
    ended = true;
    topics.clear();
  }

  private void execute(Command command) {
    if (command instanceof Command.Subscribe subscribe) {
      subscriptions.spend(subscribe.topics().size(), System.nanoTime());
      restIfTooFast();
      for (String name : subscribe.topics()) {
        topic(name).subscribe(subscribe.after().get(name));
      }
    } else if (command instanceof Command.Unsubscribe unsubscribe) {
      unsubscribe.topics().forEach(name -> topic(name).unsubscribe());
    } else if (command instanceof Command.Members members) {
      topic(members.topic()).members();
    } else if (command instanceof Command.Publish publish) {
      publish(publish);
    }
  }

  private void publish(Command.Publish publish) {
    if (publications.take(System.nanoTime())) {
      topic(publish.topic()).publish(publish);
    } else if (publish.id() >= 0) {
      String reason = "rate exceeded (expected: " + socket.publishesPerSecond + " per second)";
      connection.send(Envelope.failed(publish.id(), "refused", reason));
    }
  }

  /** Returns a topic, for a command about it. */
  private SocketTopic topic(String name) {
    if (topics.size() >= 2 * socket.maxTopics && !topics.containsKey(name)) {
      // Forgets the oldest topic that the client has only published to.
      topics.values().stream().filter(SocketTopic::isIdle).findFirst().ifPresent(this::forget);
    }
    return topics.computeIfAbsent(name, absent -> new SocketTopic(this, absent));
  }

  // For the topics; with the monitor, except finish.

  void forget(SocketTopic topic) {
    topics.remove(topic.name, topic);
  }

  /**
   * Counts a topic to which the client is, or waits to be, subscribed.
   *
   * @throws IllegalArgumentException if there are too many
   */
  void want() {
    Checks.inRange("topics", wanted + 1L, 1, socket.maxTopics);
    wanted++;
  }

  void unwant() {
    wanted--;
  }

  /** Notes that a command is under way. */
  void begin(int bytes) {
    underWay.incrementAndGet();
    underWayBytes.addAndGet(bytes);
  }

  /** Notes that a command is no longer under way. Any thread. */
  void finish(int bytes) {
    underWayBytes.addAndGet(-bytes);
    underWay.decrementAndGet();
    if (paused && !isFull()) {
      connection.execute(this::pauseOrResume);
    }
  }

  private boolean isFull() {
    return resting
        || underWay.get() >= socket.maxPendingCommands
        || underWayBytes.get() >= MAX_PENDING_BYTES;
  }

  /** Reads no further commands for some time if the client subscribes too fast. */
  private void restIfTooFast() {
    long nanos = subscriptions.debtNanos(System.nanoTime());
    if (nanos > 0 && !resting) {
      resting = true;
      connection.runAfter(Duration.ofNanos(nanos), this::endRest);
    }
  }

  private synchronized void endRest() {
    resting = false;
    restIfTooFast(); // what had arrived already was executed, too
    pauseOrResume();
  }

  private synchronized void pauseOrResume() {
    boolean full = isFull();
    if (full && !paused && !ended) {
      paused = true;
      connection.pauseReading();
      pauseOrResume(); // an outcome may have come before this thread has set paused
    } else if (!full && paused) {
      paused = false;
      connection.resumeReading();
    }
  }

  /** Runs a task on the event loop, with the monitor, unless the session has ended. */
  void later(Runnable task) {
    connection.execute(() -> runUnlessEnded(task));
  }

  private synchronized void runUnlessEnded(Runnable task) {
    if (!ended) {
      task.run();
    }
  }

  /**
   * Asks the gate. The answer comes at once, or later; then with the monitor, and not if the
   * session has ended.
   */
  void ask(String topic, boolean publish, Consumer<Grant> answered) {
    CompletableFuture<Grant> answer = new CompletableFuture<>();
    try {
      socket
          .gate
          .ask(new Request(topic, connection, publish))
          .whenComplete((grant, failure) -> answer.complete(orFailed(grant, failure, topic)));
    } catch (Throwable t) { // of the application, which shall not end the connection
      answer.complete(orFailed(null, t, topic));
    }
    if (answer.isDone()) {
      runUnlessEnded(() -> answered.accept(answer.join()));
      return;
    }
    ScheduledTask timeout = connection.runAfter(socket.gateTimeout, () -> answer.complete(LATE));
    answer.thenAccept(
        grant -> {
          timeout.cancel();
          later(() -> answered.accept(grant));
        });
  }

  private Grant orFailed(@Nullable Grant grant, @Nullable Throwable failure, String topic) {
    if (grant == null) {
      Throwable cause = failure == null ? new NullPointerException("grant") : failure;
      socket.gateLog.warning("gate failed for topic " + topic, cause);
    }
    return grant == null ? FAILED : grant;
  }

  /** Returns whether the gate has given this answer, so that it holds for further requests. */
  boolean isAnswer(Grant grant) {
    return grant != FAILED && grant != LATE;
  }
}
