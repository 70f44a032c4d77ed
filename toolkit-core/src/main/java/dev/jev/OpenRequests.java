package dev.jev;

import dev.jev.Delivery.Outcome;
import dev.jev.RequestException.Kind;
import io.netty.util.ReferenceCountUtil;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The open requests of one connection: an attribute of the connections that were asked something.
 *
 * <p><b>Order.</b> Answers in order are matched by position, so requests must be in the order in
 * which their questions are packed. A request is therefore added on the event loop, immediately
 * before its question is packed. A question of another thread goes through the mailbox of the
 * connection like any message, and its request is added when the mailbox is packed.
 *
 * <p><b>Places.</b> A request has a place from its beginning until its answer has come. One that
 * timed out or was cancelled keeps its place, so that the late answer is not taken for that of
 * another question. Where answers have ids, the place is given up after another timeout.
 *
 * <p><b>Continuations.</b> Stages complete where code of the user may run: in a callback, or in a
 * task of {@link Completions}; or before the caller has the stage.
 *
 * <p>Event loop only, unless stated otherwise.
 */
final class OpenRequests<Q, A> {

  private final Requests<Q, A> owner;
  private final Connection<Q> connection;
  private final @Nullable StreamConnection<?, Q> stream; // null: a connection without a network
  private final @Nullable OpenRequests<?, ?> next; // those of other Requests on this connection
  private final AtomicInteger places = new AtomicInteger(); // taken or promised; any thread
  private volatile @Nullable CloseReason closeReason; // null until onClose

  // Event loop only.
  private final Places<Q, A, Request> requests;
  private final List<Request> dropped = new ArrayList<>(0); // in the mailbox at the close
  private @Nullable DeadlineWheel wheel;

  @SuppressWarnings("unchecked") // a connection sends one type of messages
  private OpenRequests(
      Requests<Q, A> owner, Connection<Q> connection, @Nullable OpenRequests<?, ?> next) {
    this.owner = owner;
    this.connection = connection;
    this.stream =
        connection instanceof StreamConnection ? (StreamConnection<?, Q>) connection : null;
    this.next = next;
    this.requests = owner.newPlaces();
  }

  // Any thread.

  /**
   * Returns the open requests of a connection, created on first use.
   *
   * @throws IllegalArgumentException if it is the connection of a datagram
   */
  static <Q, A> OpenRequests<Q, A> of(Requests<Q, A> owner, Connection<Q> connection) {
    OpenRequests<Q, A> existing = find(owner, connection);
    return existing != null ? existing : create(owner, connection);
  }

  private static <Q, A> OpenRequests<Q, A> create(Requests<Q, A> owner, Connection<Q> connection) {
    Offloadable.of(connection); // refuses others
    synchronized (connection) { // which guards its attributes
      OpenRequests<Q, A> existing = find(owner, connection);
      if (existing != null) {
        return existing;
      }
      OpenRequests<?, ?> others = connection.attribute(OpenRequests.class);
      OpenRequests<Q, A> created = new OpenRequests<>(owner, connection, others);
      connection.attribute(OpenRequests.class, created);
      if (created.stream != null) {
        created.stream.lifecycle().onClose(created::detached);
      }
      return created;
    }
  }

  /** Returns the open requests of a connection, or null if it was asked nothing. */
  @SuppressWarnings({"unchecked", "ReferenceEquality"}) // the owner determines the types
  static <Q, A> @Nullable OpenRequests<Q, A> find(Requests<Q, A> owner, Connection<Q> connection) {
    OpenRequests<?, ?> each = connection.attribute(OpenRequests.class);
    while (each != null && each.owner != owner) {
      each = each.next;
    }
    return (OpenRequests<Q, A>) each;
  }

  /** Returns the number of places that are taken. */
  int count() {
    return places.get();
  }

  /** Sends a question, which is consumed in all cases, and returns the stage of its answer. */
  CompletableFuture<A> ask(Q question) {
    Request request = new Request();
    if (places.incrementAndGet() > owner.maxOpen()) {
      refuse(request, question, tooMany());
      return request.answer;
    }
    try {
      request.key = requests.key(question);
    } catch (Throwable t) { // code of the user
      refuse(request, question, t);
      return request.answer;
    }
    if (stream == null) {
      connection.execute(() -> askOnLoop(request, question, null));
    } else if (stream.inEventLoop()) {
      boolean maybeDropped = stream.config().overflow() == OverflowPolicy.DROP_OLDEST;
      askOnLoop(request, question, maybeDropped ? new Question(request) : null);
    } else {
      askFromOutside(stream, request, question);
    }
    return request.answer;
  }

  private void askFromOutside(StreamConnection<?, Q> to, Request request, Q question) {
    try {
      to.outbound().send(question, new Question(request)); // notified if it is refused
    } catch (Throwable t) { // a question that was released, for example
      giveUp(request, t);
    }
  }

  /** Drops a question and its request, before the caller of {@code ask} has the stage. */
  private void refuse(Request request, Q question, Throwable failure) {
    places.decrementAndGet();
    request.answer.completeExceptionally(failure);
    discard(question);
  }

  private RequestException tooMany() {
    int max = owner.maxOpen();
    return RequestException.of(
        Kind.REFUSED, "open requests: " + max + " (expected: < maxOpen " + max + ")");
  }

  /** Releases a question that is not sent. */
  static void discard(Object question) {
    ReferenceCountUtil.safeRelease(MessageOwnership.acquire(question));
  }

  // Event loop only.

  private void askOnLoop(Request request, Q question, @Nullable Question tracked) {
    RuntimeException refusal = begin(request);
    if (refusal != null) {
      refuse(request, question, refusal);
      return;
    }
    try {
      Outcome outcome =
          stream == null
              ? connection.deliver(question).outcome()
              : stream.outbound().send(question, tracked);
      if (outcome != Outcome.TAKEN && tracked == null) {
        giveUp(request, failure(Undelivered.failure(outcome)));
      }
    } catch (Throwable t) { // the protocol cannot pack the question
      giveUp(request, t);
    }
  }

  /** Gives a request its place, or returns why it has none. */
  private @Nullable RuntimeException begin(Request request) {
    CloseReason closed = closeReason;
    if (closed != null) {
      return RequestException.closed(closed);
    }
    if (request.answer.isDone()) {
      return new CancellationException();
    }
    if (!requests.add(request.key, request)) {
      return RequestException.of(
          Kind.REFUSED, "id of the question: in use by an open request (expected: a free id)");
    }
    request.begin();
    return null;
  }

  /** Fails a request whose question is not sent. On other threads, it has not begun. */
  private void giveUp(Request request, Throwable failure) {
    if (request.begun) {
      requests.remove(request.key, request);
      request.stop();
    }
    places.decrementAndGet();
    request.answer.completeExceptionally(failure);
  }

  /** Returns the failure of a request whose question was dropped. Any thread. */
  private Throwable failure(Throwable cause) {
    if (!(cause instanceof ClosedChannelException)) {
      return cause instanceof IllegalStateException
          ? RequestException.of(Kind.REFUSED, String.valueOf(cause.getMessage()))
          : cause;
    }
    CloseReason why = closeReason;
    return why == null
        ? RequestException.of(Kind.CLOSED, "connection is closing")
        : RequestException.closed(why);
  }

  /** Completes a stage where its continuations may run. */
  private void failLater(Request request, RuntimeException failure) {
    if (stream == null) {
      request.answer.completeExceptionally(failure);
    } else {
      stream.loop().completions().add(() -> request.answer.completeExceptionally(failure));
    }
  }

  /** Handles a message; returns whether it is an answer, maybe a late one. */
  boolean receive(A message) {
    if (stream != null && !stream.inEventLoop()) {
      throw Requests.offloaded();
    }
    Request request = requests.take(message);
    if (request == null) {
      return false;
    }
    request.stop();
    places.decrementAndGet();
    request.answered(message);
    return true;
  }

  /** Fails all open requests, since the connection has closed. */
  void close(CloseReason reason) {
    closeReason = reason;
    failAll(() -> RequestException.closed(reason));
  }

  /** Fails those that are open when a connection was detached, for which there is no onClose. */
  private void detached() {
    failAll(() -> RequestException.of(Kind.CLOSED, "connection was detached"));
  }

  private void failAll(Supplier<RequestException> failure) {
    List<Request> all = requests.removeAll();
    all.addAll(dropped);
    dropped.clear();
    places.addAndGet(-all.size());
    for (Request request : all) {
      request.stop();
      request.answer.completeExceptionally(failure.get());
    }
  }

  private DeadlineWheel wheel(StreamConnection<?, Q> of) {
    DeadlineWheel known = wheel;
    if (known == null) {
      known = of.loop().deadlineWheel(owner.timeout());
      wheel = known;
    }
    return known;
  }

  /** A question that waits for its answer. Event loop only, except the answer. */
  private final class Request extends DeadlineWheel.Entry {

    private final Answer answer = new Answer();
    private Object key = this;
    private boolean begun; // it has, or had, a place
    private long askedAt; // in nanoseconds
    private long deadline; // of the wheel
    private @Nullable ScheduledTask timer; // of a connection without a network

    void begin() {
      begun = true;
      if (stream == null) {
        askedAt = System.nanoTime();
        timer = connection.runAfter(owner.timeout(), this::expire);
      } else {
        askedAt = stream.loop().turnTime();
        deadline = askedAt + wheel(stream).maxDelay();
        wheel(stream).schedule(this, deadline, askedAt);
      }
    }

    /** Ends the wait for the answer. */
    void stop() {
      cancel();
      if (timer != null) {
        timer.cancel();
      }
    }

    @Override
    protected long deadline(long now) {
      return deadline;
    }

    @Override
    protected void expire() {
      boolean open = !answer.isDone();
      if (open) {
        owner.countTimedOut();
        failLater(this, RequestException.of(Kind.TIMED_OUT, "no answer within " + owner.timeout()));
      }
      if (open && stream != null && requests.areGivenUp()) {
        deadline += wheel(stream).maxDelay();
        wheel(stream).schedule(this, deadline);
      } else if (requests.areGivenUp()) {
        requests.remove(key, this);
        places.decrementAndGet();
      }
    }

    private void answered(A message) {
      if (answer.isDone()) {
        owner.countLate();
        return;
      }
      A owned = MessageOwnership.take(message);
      owner.countAnswered(
          (stream == null ? System.nanoTime() : stream.loop().turnTime()) - askedAt);
      if (!answer.complete(owned)) { // cancelled at the same moment
        ReferenceCountUtil.safeRelease(owned);
      }
    }
  }

  /** The stage of an answer. Any thread. */
  private final class Answer extends CompletableFuture<A> {

    Answer() {
      owner.countAsked();
    }

    @Override
    public boolean complete(A value) {
      return counted(super.complete(value));
    }

    @Override
    public boolean completeExceptionally(Throwable failure) {
      return counted(super.completeExceptionally(failure));
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
      return counted(super.cancel(mayInterruptIfRunning));
    }

    private boolean counted(boolean first) {
      if (first) {
        owner.countEnded();
      }
      return first;
    }
  }

  /** A question on its way through the connection, whose request is told what becomes of it. */
  private final class Question extends Announced {

    private final Request request;

    Question(Request request) {
      this.request = request;
    }

    @Override
    boolean packing() {
      RuntimeException refusal = begin(request);
      if (refusal != null) {
        places.decrementAndGet();
        failLater(request, refusal);
      }
      return refusal == null;
    }

    @Override
    public boolean completeExceptionally(Throwable cause) {
      boolean atClose =
          cause instanceof ClosedChannelException
              && closeReason == null
              && stream != null
              && stream.inEventLoop();
      if (!atClose) {
        giveUp(request, failure(cause));
      } else if (!request.begun) {
        dropped.add(request); // fails in onClose, which follows and has the reason
      }
      return super.completeExceptionally(cause);
    }
  }
}
