package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import dev.jev.Connection;
import dev.jev.websocket.WebSocketMessage;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * Decides which topics the clients of a {@link TopicSocket} may subscribe and publish to. Without
 * its grant nothing is allowed.
 */
@FunctionalInterface
public interface TopicGate {

  /**
   * Decides a request. A grant holds for the topic until the connection ends or unsubscribes;
   * subscribing and publishing are asked for separately. A denied subscription, a failure or a
   * timeout is not remembered. The grants for topics that are only published to may be forgotten
   * and asked for again.
   *
   * <p>Called on the connection's event loop: must not block. If it throws or the stage fails, the
   * failure is logged, and the request is denied.
   */
  CompletionStage<Grant> ask(Request request);

  /** Returns a gate that gives one answer to all. */
  static TopicGate always(Grant grant) {
    requireNonNull(grant, "grant");
    return request -> CompletableFuture.completedStage(grant);
  }

  /**
   * A request of a client.
   *
   * @param topic the name of the topic, which is valid
   * @param connection its connection; the attribute {@link dev.jev.websocket.WebSocketHandshake}
   *     has the request with which it was opened
   * @param publish whether the client wants to publish, rather than to subscribe
   */
  record Request(String topic, Connection<WebSocketMessage> connection, boolean publish) {}

  /**
   * An answer of a gate.
   *
   * <p>Immutable.
   */
  final class Grant {

    private static final Grant DENIED = new Grant(null, false, false, false, "not allowed");

    final @Nullable TopicKind<?> kind; // null if denied
    final boolean replay;
    final String reason;
    private final boolean read;
    private final boolean write;

    private Grant(
        @Nullable TopicKind<?> kind, boolean read, boolean write, boolean replay, String reason) {
      this.kind = kind;
      this.read = read;
      this.write = write;
      this.replay = replay;
      this.reason = reason;
    }

    /** Allows to subscribe to the topic, which is of this kind. */
    public static Grant read(TopicKind<?> kind) {
      return new Grant(requireNonNull(kind, "kind"), true, false, true, "");
    }

    /** Allows to publish to the topic, which is of this kind, but not to subscribe. */
    public static Grant write(TopicKind<?> kind) {
      return new Grant(requireNonNull(kind, "kind"), false, true, false, "");
    }

    /** Allows to subscribe and to publish to the topic, which is of this kind. */
    public static Grant readWrite(TopicKind<?> kind) {
      return new Grant(requireNonNull(kind, "kind"), true, true, true, "");
    }

    /** Denies the request. */
    public static Grant denied() {
      return DENIED;
    }

    /**
     * Denies the request for a reason that the client is told.
     *
     * @throws IllegalArgumentException if the reason is longer than 200 bytes
     */
    public static Grant denied(String reason) {
      return new Grant(null, false, false, false, Checks.text("reason", reason, 0, 200));
    }

    /**
     * Returns this answer with or without the right to look back: without it, a client that returns
     * gets the messages from now on, as if all others were lost. Has no effect on a {@link
     * TopicKind#latest} topic, whose newest message every subscriber gets.
     */
    public Grant replay(boolean allowed) {
      return new Grant(kind, read, write, allowed, reason);
    }

    boolean allows(boolean publish) {
      return publish ? write : read;
    }
  }
}
