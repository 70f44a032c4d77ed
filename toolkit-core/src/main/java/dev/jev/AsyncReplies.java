package dev.jev;

import static java.util.Objects.requireNonNull;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A handler that replies to each message when the stage of its answer completes, on any thread.
 * Made by {@link Handler#replyingAsync}; immutable.
 *
 * <p><b>Order.</b> By default, answers leave in the order of the questions: a slow one holds back
 * those behind it. With {@link #unordered} they leave as they come.
 *
 * <p><b>Back-pressure.</b> Reading from a connection pauses while {@link #maxOpen} of its answers
 * are outstanding, and resumes when half of them have left.
 *
 * <p><b>Closing.</b> A peer that has shut down its output still receives the answers to everything
 * it sent. After any other close, answers are dropped.
 *
 * <p><b>Errors.</b> A stage that fails, or a function that throws, closes the connection with
 * {@link CloseReason.Kind#HANDLER_ERROR} at the place of its answer, unless {@link #onFailure}
 * makes an answer of it.
 *
 * <p>A connection has one such handler: its answers have one order, and one maximum.
 *
 * <p><b>Datagrams.</b> At most 1,024 datagrams are being answered, in no particular order; further
 * ones are dropped. A failure is logged.
 *
 * <p><b>Ownership.</b> A reference-counted message is released when the function has returned. A
 * function that uses it later retains it. A reference-counted answer is consumed.
 *
 * @param <I> the type of the inbound messages
 * @param <O> the type of the answers
 */
public final class AsyncReplies<I, O> implements Handler<I, O> {

  /** Maximum number of datagrams that are being answered; further ones are dropped. */
  private static final int MAX_DATAGRAMS = 1024;

  private final Function<? super I, ? extends CompletionStage<? extends @Nullable O>> reply;
  private final boolean ordered;
  private final int maxOpen;
  private final @Nullable BiFunction<? super I, ? super Throwable, ? extends @Nullable O> onFailure;
  private final AtomicInteger datagrams = new AtomicInteger();
  private final RateLimitedLog log = new RateLimitedLog();

  AsyncReplies(Function<? super I, ? extends CompletionStage<? extends @Nullable O>> reply) {
    this(reply, /* ordered= */ true, /* maxOpen= */ 64, /* onFailure= */ null);
  }

  private AsyncReplies(
      Function<? super I, ? extends CompletionStage<? extends @Nullable O>> reply,
      boolean ordered,
      int maxOpen,
      @Nullable BiFunction<? super I, ? super Throwable, ? extends @Nullable O> onFailure) {
    this.reply = requireNonNull(reply, "reply");
    this.ordered = ordered;
    this.maxOpen = maxOpen;
    this.onFailure = onFailure;
  }

  /** Returns a handler whose answers leave as they come, for protocols in which they have ids. */
  public AsyncReplies<I, O> unordered() {
    return new AsyncReplies<>(reply, /* ordered= */ false, maxOpen, onFailure);
  }

  /**
   * Returns a handler with another maximum number of outstanding answers per connection; 64 by
   * default.
   *
   * @throws IllegalArgumentException if {@code maxOpen} is not in 1..1000000
   */
  public AsyncReplies<I, O> maxOpen(int maxOpen) {
    int checked = Checks.inRange("maxOpen", maxOpen, 1, 1_000_000);
    return new AsyncReplies<>(reply, ordered, checked, onFailure);
  }

  /**
   * Returns a handler that answers with the result of a function when a stage fails, or not at all
   * if the result is null. The function gets the question, which is released by then if it is
   * reference-counted and was not retained, and the failure, without a {@link CompletionException}
   * around it. Called on the event loop.
   */
  public AsyncReplies<I, O> onFailure(
      BiFunction<? super I, ? super Throwable, ? extends @Nullable O> onFailure) {
    requireNonNull(onFailure, "onFailure");
    return new AsyncReplies<>(reply, ordered, maxOpen, onFailure);
  }

  /** Throws an exception: the stages may complete on the threads of an executor instead. */
  @Override
  public Handler<I, O> offload(Executor executor) {
    throw offloaded();
  }

  private static IllegalStateException offloaded() {
    return new IllegalStateException(
        "handler of replyingAsync is offloaded; complete the stages on the executor instead");
  }

  @Override
  public void onMessage(Connection<O> connection, I message) {
    if (Offloadable.isOffloadable(connection)) {
      outstanding(connection).ask(message);
    } else if (datagrams.incrementAndGet() <= MAX_DATAGRAMS) {
      stage(message).whenComplete((answer, failure) -> reply(connection, message, answer, failure));
    } else {
      datagrams.decrementAndGet();
      log.warning("datagram dropped: limit of " + MAX_DATAGRAMS + " reached");
    }
  }

  private void reply(
      Connection<O> connection, I message, @Nullable O answer, @Nullable Throwable failure) {
    datagrams.decrementAndGet();
    try {
      send(connection, answer(message, answer, failure));
    } catch (Throwable t) {
      log.warning("handler failed for a datagram of " + connection.remoteAddress(), t);
    }
  }

  private CompletionStage<? extends @Nullable O> stage(I message) {
    try {
      return requireNonNull(reply.apply(message), "stage of the answer");
    } catch (Throwable t) { // code of the user
      return CompletableFuture.failedFuture(t);
    }
  }

  /** Returns the answer, if any; throws the failure if it does not become one. */
  private @Nullable O answer(I message, @Nullable O answer, @Nullable Throwable failure)
      throws Throwable {
    if (failure == null) {
      return answer;
    }
    Throwable cause = failure.getCause();
    Throwable unwrapped = failure instanceof CompletionException && cause != null ? cause : failure;
    if (onFailure == null) {
      throw unwrapped;
    }
    return onFailure.apply(message, unwrapped);
  }

  private void send(Connection<O> connection, @Nullable O answer) {
    if (answer != null) {
      connection.send(answer);
    }
  }

  /** Refuses a connection whose messages are answered by a handler of replyingAsync. */
  static void requireNone(Connection<?> connection) {
    if (connection.attribute(AsyncReplies.Outstanding.class) != null) {
      throw OffloadedHandler.besideAsyncReplies();
    }
  }

  @SuppressWarnings({"unchecked", "ReferenceEquality"}) // the very handler has stored them
  private Outstanding outstanding(Connection<O> connection) {
    Outstanding known = (Outstanding) connection.attribute(Outstanding.class);
    if (known == null) {
      known = new Outstanding(connection);
      if (known.port.inEventLoop()) { // this handler is not the offloaded one
        OffloadedHandler.requireNone(connection);
      }
      connection.attribute(Outstanding.class, known);
    } else if (known.owner() != this) {
      throw new IllegalStateException(
          "connection has another handler of replyingAsync; use one, which chooses the function");
    }
    return known;
  }

  /** An answer that is outstanding, or waits for those before it. */
  private final class Reply {

    private final I message;
    private @Nullable Thread asking; // in the middle of the call, in which the stage may complete
    private boolean complete; // event loop only
    private @Nullable O answer;
    private @Nullable Throwable failure;

    Reply(I message) {
      this.message = message;
    }
  }

  /**
   * The outstanding answers of one connection.
   *
   * <p>A thread that completes a stage adds its reply to a queue. The first one has the event loop
   * send all that it then finds, so that a batch of answers costs one wake-up and one write.
   */
  private final class Outstanding implements Runnable {

    private final Connection<O> connection;
    private final Offloadable port;

    // Any thread.
    private final Queue<Reply> completed = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean draining = new AtomicBoolean(); // guards what follows

    // Event loop only, or the thread that drains when the loop has ended.
    private final ArrayDeque<Reply> order = new ArrayDeque<>(); // empty if unordered
    private int open;
    private boolean paused;

    Outstanding(Connection<O> connection) {
      this.connection = connection;
      this.port = Offloadable.of(connection);
    }

    AsyncReplies<I, O> owner() {
      return AsyncReplies.this;
    }

    void ask(I message) {
      if (!port.inEventLoop()) {
        throw offloaded();
      }
      Reply next = new Reply(message);
      if (ordered) {
        order.add(next);
      }
      if (open++ == 0) {
        port.offloaded(true);
      }
      if (open >= maxOpen && !paused) {
        paused = true;
        port.pauseForOffload();
      }
      next.asking = Thread.currentThread();
      stage(message).whenComplete((answer, failure) -> completed(next, answer, failure));
      next.asking = null;
    }

    /** Answers at once in the middle of {@link #ask}, and otherwise in a task of the event loop. */
    private void completed(Reply reply, @Nullable O answer, @Nullable Throwable failure) {
      reply.answer = answer;
      reply.failure = failure;
      if (reply.asking == Thread.currentThread()) {
        settle(reply);
        settled();
      } else {
        completed.add(reply);
        drainLater();
      }
    }

    private void drainLater() {
      if (draining.compareAndSet(false, true)) {
        port.executeOrRun(this);
      }
    }

    @Override
    public void run() {
      do {
        for (Reply reply; (reply = completed.poll()) != null; ) {
          settle(reply);
        }
        draining.set(false);
      } while (!completed.isEmpty() && draining.compareAndSet(false, true));
      settled();
    }

    /** Sends an answer, or all for which it is the turn now. */
    private void settle(Reply reply) {
      reply.complete = true;
      if (!ordered) {
        finish(reply);
        return;
      }
      for (Reply first; (first = order.peek()) != null && first.complete; ) {
        order.remove();
        finish(first);
      }
    }

    private void finish(Reply reply) {
      open--;
      try {
        send(connection, answer(reply.message, reply.answer, reply.failure));
      } catch (Throwable t) {
        if (connection.isOpen()) {
          port.handlerFailed(t);
        }
      }
    }

    /** Resumes reading if few answers are outstanding, and closes behind the last one. */
    private void settled() {
      if (paused && open <= maxOpen / 2) {
        paused = false;
        port.resumeAfterOffload();
      }
      if (open == 0) {
        port.offloaded(false);
        port.closeIfPeerClosed();
      }
    }
  }
}
