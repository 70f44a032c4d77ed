package dev.jev.nodes;

import dev.jev.SlowConsumer;
import dev.jev.nodes.ClusterTopic.Beginning;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.websocket.WebSocketMessage;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One topic of a {@link SocketSession}.
 *
 * <p>Its commands take effect in their order: those behind one that waits for the gate, or for the
 * beginning of a subscription, wait too. A publication does not wait for the receipt of the one
 * before.
 *
 * <p>Used with the monitor of the session.
 */
final class SocketTopic {

  private static final LogLimit SUBSCRIPTION_LOG = new LogLimit();
  private static final int RETRY_MILLIS = 1000; // at least; at most three times as much

  private final SocketSession session;
  final String name;

  private @Nullable Deque<Runnable> steps; // that wait; null if there are none
  private boolean busy; // a step has begun and not ended
  private boolean advancing; // through the steps
  private boolean wanted; // as of the client's last command
  private int subscribing; // steps
  private boolean subscribed;
  private @Nullable Grant read;
  private @Nullable Grant write;

  SocketTopic(SocketSession session, String name) {
    this.session = session;
    this.name = name;
  }

  /** Returns whether nothing is lost if the topic is forgotten, except an answer of the gate. */
  boolean isIdle() {
    return !busy && !wanted && !subscribed;
  }

  // Commands.

  void subscribe(@Nullable String after) {
    if (!wanted) {
      session.want();
      wanted = true;
    }
    subscribing++;
    add(0, () -> ask(/* publish= */ false, grant -> subscribe(grant, after)));
  }

  void unsubscribe() {
    unwant();
    add(0, this::unsubscribeNow);
  }

  private void unwant() {
    if (wanted) {
      session.unwant();
      wanted = false;
    }
  }

  void members() {
    add(0, this::membersNow);
  }

  void publish(Command.Publish publish) {
    int bytes = publish.data().length;
    add(bytes, () -> ask(/* publish= */ true, grant -> publish(grant, publish)));
  }

  // The order of steps. A step calls done, unless it has published.

  private void add(int bytes, Runnable step) {
    session.begin(bytes);
    if (!busy) {
      busy = true;
      step.run();
      return;
    }
    if (steps == null) {
      steps = new ArrayDeque<>(4);
    }
    steps.add(step);
  }

  /** Ends a step, whose command is no longer under way, and begins the next ones. */
  private void done(int bytes) {
    session.finish(bytes);
    next();
  }

  /** Ends a step, and begins the next ones until one has to wait. */
  private void next() {
    busy = false;
    if (advancing) {
      return;
    }
    advancing = true;
    for (Runnable step; !busy && steps != null && (step = steps.poll()) != null; ) {
      busy = true;
      step.run();
    }
    advancing = false;
    if (steps != null && steps.isEmpty()) {
      steps = null;
    }
    if (isIdle() && write == null) {
      session.forget(this);
    }
  }

  private void ask(boolean publish, Consumer<Grant> answered) {
    Grant known = publish ? write : read;
    if (known != null) {
      answered.accept(known);
      return;
    }
    session.ask(
        name,
        publish,
        grant -> {
          boolean kept = session.isAnswer(grant);
          if (kept && publish) {
            write = grant;
          } else if (kept) {
            read = grant;
          }
          answered.accept(grant);
        });
  }

  /** Returns the topic of a grant; null if the grant denies this or the topic has another kind. */
  private @Nullable ClusterTopic<?> allowed(Grant grant, boolean publish) {
    TopicKind<?> kind = grant.kind;
    if (kind == null || !grant.allows(publish)) {
      return null;
    }
    try {
      return session.socket.topic(name, kind);
    } catch (IllegalArgumentException e) {
      session.socket.gateLog.warning("gate grants a topic of another kind", e);
      return null;
    }
  }

  private static String reason(Grant grant) {
    return grant.kind == null ? grant.reason : Grant.denied().reason;
  }

  // Subscribing.

  private void subscribe(Grant grant, @Nullable String after) {
    ClusterTopic<?> topic = allowed(grant, /* publish= */ false);
    if (topic == null) {
      read = null; // to be asked again
      notSubscribed(Envelope.denied(name, reason(grant)));
      return;
    }
    Position position = grant.replay ? position(after) : null;
    boolean isKnown = after == null || position != null || Position.OLDEST.toString().equals(after);
    boolean lost = topic.kind.isLog() && !isKnown;
    SlowConsumer<? super WebSocketMessage> policy = session.socket.slowConsumer;
    CompletionStage<Resumption> begun;
    try {
      begun =
          topic.subscribeSocket(
              session.connection, policy, position, begin -> greeting(topic, begin, lost));
    } catch (IllegalStateException e) { // the node has stopped
      begun = CompletableFuture.failedStage(e);
    }
    begun.whenComplete(
        (resumption, failure) -> session.later(() -> subscribed(topic, resumption, failure)));
  }

  private static @Nullable Position position(@Nullable String after) {
    try {
      return after == null ? null : Position.parse(after);
    } catch (IllegalArgumentException e) {
      return null; // as one that the topic no longer has
    }
  }

  private WebSocketMessage greeting(ClusterTopic<?> topic, Beginning beginning, boolean lost) {
    boolean incomplete = topic.kind.isLog() && !beginning.complete();
    return Envelope.subscribed(name, beginning, lost || incomplete);
  }

  private void subscribed(
      ClusterTopic<?> topic, @Nullable Resumption resumption, @Nullable Throwable failure) {
    if (resumption != null) {
      subscribed = true;
      subscribing--;
      done(0);
      return;
    }
    SUBSCRIPTION_LOG.warning("subscription to topic " + name + " failed", failure);
    if (subscribed) { // anew
      topic.unsubscribeSocket(session.connection);
      subscribed = false;
    }
    // Lets the client try again, since its connection is worth keeping.
    int retry = RETRY_MILLIS + ThreadLocalRandom.current().nextInt(2 * RETRY_MILLIS);
    notSubscribed(Envelope.unsubscribed(name, retry));
  }

  private void notSubscribed(WebSocketMessage answer) {
    session.connection.send(answer);
    subscribing--;
    if (subscribing == 0) {
      unwant();
    }
    done(0);
  }

  private void unsubscribeNow() {
    ClusterTopic<?> topic = topicIfSubscribed();
    if (topic != null) {
      topic.unsubscribeSocket(session.connection);
    }
    subscribed = false;
    read = null;
    write = null;
    session.connection.send(Envelope.unsubscribed(name));
    done(0);
  }

  private @Nullable ClusterTopic<?> topicIfSubscribed() {
    return subscribed && read != null ? allowed(read, /* publish= */ false) : null;
  }

  private void membersNow() {
    ClusterTopic<?> topic = topicIfSubscribed();
    if (topic == null) {
      session.connection.send(Envelope.denied(name, "not subscribed"));
      done(0);
    } else if (!topic.kind.hasPresence) {
      session.connection.send(Envelope.denied(name, "the topic has no members"));
      done(0);
    } else { // is under way until the node has handled it
      topic.presenceSocket(session.connection, () -> session.later(() -> done(0)));
    }
  }

  // Publishing.

  private void publish(Grant grant, Command.Publish publish) {
    ClusterTopic<?> topic = allowed(grant, /* publish= */ true);
    if (topic == null) {
      denied(publish, reason(grant));
      return;
    }
    CompletionStage<Receipt> receipt;
    try {
      byte[] payload = publish.payload(topic.kind.codec.format());
      receipt = topic.publishEncoded(payload, publish.echo() ? null : session.connection);
    } catch (IllegalArgumentException e) {
      denied(publish, String.valueOf(e.getMessage()));
      return;
    }
    receipt.thenAccept(outcome -> published(publish, outcome));
    next();
  }

  private void denied(Command.Publish publish, String reason) {
    session.connection.send(
        publish.id() < 0
            ? Envelope.denied(name, reason)
            : Envelope.failed(publish.id(), "denied", reason));
    done(publish.data().length);
  }

  /** Answers a publication. Any thread, without the monitor. */
  private void published(Command.Publish publish, Receipt receipt) {
    if (publish.id() >= 0) {
      session.connection.send(answer(publish.id(), receipt));
    }
    session.finish(publish.data().length);
  }

  private static WebSocketMessage answer(long id, Receipt receipt) {
    return switch (receipt.outcome()) {
      case STORED, SENT, LOCAL_ONLY -> Envelope.published(id, receipt.position());
      case REFUSED -> Envelope.failed(id, "refused", "not stored: try again later");
      case UNKNOWN -> Envelope.failed(id, "unknown", "no answer of the engine");
    };
  }
}
