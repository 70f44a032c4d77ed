package dev.jev;

import dev.jev.Delivery.Outcome;
import dev.jev.RequestException.Kind;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
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
 * which their questions are packed. A request therefore begins on the event loop, immediately
 * before its question is packed. A question of another thread goes through the mailbox of the
 * connection like any message, and its request begins when the mailbox is packed.
 *
 * <p><b>Places.</b> A request has a place until its answer has come. One that timed out or was
 * cancelled is abandoned and keeps its place, so that the late answer is not taken for that of
 * another question. Where answers have ids, the place is given up after another timeout.
 *
 * <p><b>Timeouts.</b> All requests have the same timeout, so they time out in the order in which
 * they began. One entry of the deadline wheel has the deadline of the oldest one.
 *
 * <p><b>Continuations.</b> Stages complete where code of the user may run: in a callback, or in a
 * task of {@link Completions}; or before the caller has the stage.
 *
 * <p>Event loop only, unless stated otherwise.
 */
final class OpenRequests<Q, A> {

  /** Maximum number of timeouts before the event loop serves its sockets again. */
  private static final int TIMEOUTS_PER_TURN = 4096;

  private final Requests<Q, A> owner;
  private final Connection<Q> connection;
  private final @Nullable StreamConnection<?, Q> stream; // null: a connection without a network
  private final @Nullable OpenRequests<?, ?> next; // those of other Requests on this connection
  private final RequestCounts counts = new RequestCounts(); // written by the event loop

  // Any thread.
  private final AtomicInteger places = new AtomicInteger(); // of requests, also before they begin
  private final AtomicInteger abandoned = new AtomicInteger(); // requests that have places still
  private volatile @Nullable Supplier<RequestException> end; // null until onClose, or a detach

  // Event loop only.
  private final Places<Q, A, Request> requests;
  private final Fifo waiting = new Fifo();
  private final Fifo late = new Fifo(); // timed out, with places that will be given up
  private final List<Request> unsent = new ArrayList<>(0); // in the mailbox at the close
  private @Nullable Expiry expiry; // null before the first request

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
    OpenRequests<Q, A> created;
    synchronized (connection) { // which guards its attributes
      OpenRequests<Q, A> existing = find(owner, connection);
      if (existing != null) {
        return existing;
      }
      created = new OpenRequests<>(owner, connection, connection.attribute(OpenRequests.class));
      connection.attribute(OpenRequests.class, created);
    }
    owner.add(created);
    if (created.stream != null) {
      created.stream.lifecycle().onClose(created::detached);
    }
    return created;
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
  int places() {
    return places.get();
  }

  /** Returns the number of requests that wait for their answers. */
  int open() {
    return Math.max(places.get() - abandoned.get(), 0);
  }

  RequestCounts counts() {
    return counts;
  }

  /** Sends a question, which is consumed in all cases, and returns the stage of its answer. */
  CompletableFuture<A> ask(Q question) {
    Request request = new Request();
    if (places.incrementAndGet() > owner.maxOpen()) {
      refuse(request, question, tooMany());
      return request;
    }
    try {
      request.key = requests.key(question);
    } catch (Throwable t) { // code of the user
      refuse(request, question, t);
      return request;
    }
    if (stream == null) {
      Q owned = MessageOwnership.acquire(question); // which may be in delivery
      connection.execute(() -> askOnLoop(request, owned, null));
    } else if (stream.inEventLoop()) {
      boolean maybeDropped = stream.config().overflow() == OverflowPolicy.DROP_OLDEST;
      askOnLoop(request, question, maybeDropped ? new Question(request) : null);
    } else {
      askFromOutside(stream, request, question);
    }
    return request;
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
    giveUp(request, failure);
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
    Throwable refusal = begin(request);
    if (refusal != null) {
      refuse(request, question, refusal);
      return;
    }
    try {
      Outcome outcome =
          stream == null
              ? connection.deliver(question).outcome()
              : stream.outbound().send(question, tracked);
      if (outcome != Outcome.TAKEN) {
        giveUp(request, failure(Undelivered.failure(outcome)));
      }
    } catch (Throwable t) { // the protocol cannot pack the question
      giveUp(request, t);
    }
  }

  /** Begins a request, or returns why it cannot begin. */
  private @Nullable Throwable begin(Request request) {
    Supplier<RequestException> ended = end;
    if (ended != null) {
      return ended.get();
    }
    if (request.isDone()) {
      return new CancellationException();
    }
    try {
      if (!requests.add(request.key, request)) {
        return RequestException.of(
            Kind.REFUSED, "id of the question: in use by an open request (expected: a free id)");
      }
    } catch (Throwable t) { // equals or hashCode of an id
      return t;
    }
    request.begun = true;
    counts.countAsked();
    startTimeout(request);
    return null;
  }

  private void startTimeout(Request request) {
    if (stream == null) {
      request.askedAt = System.nanoTime();
      connection.runAfter(owner.timeout(), () -> timedOut(request));
      return;
    }
    request.askedAt = stream.loop().turnTime();
    waiting.add(request);
    Expiry known = expiry;
    if (known == null) {
      known = new Expiry(stream.loop().deadlineWheel(owner.timeout()));
      expiry = known;
    }
    if (!known.isScheduled()) {
      known.schedule(request.askedAt);
    }
  }

  private long now() {
    return stream == null ? System.nanoTime() : stream.loop().turnTime();
  }

  /** Fails a request whose question is not sent. On other threads, it has not begun. */
  private void giveUp(Request request, Throwable failure) {
    if (request.begun && !requests.remove(request.key, request)) {
      return; // it has failed already, with its connection
    }
    request.unlink();
    places.decrementAndGet(); // first: a continuation may ask again
    fail(request, failure);
  }

  /** Fails a request that has no place any more. */
  private void fail(Request request, Throwable failure) {
    if (!request.fail(failure)) {
      abandoned.decrementAndGet();
    }
  }

  /** Returns the failure of a request whose question was dropped. Any thread. */
  private Throwable failure(Throwable cause) {
    if (cause instanceof Undelivered.OverLimitException) {
      return RequestException.of(Kind.REFUSED, String.valueOf(cause.getMessage()));
    }
    if (!(cause instanceof IOException)) {
      return cause;
    }
    Supplier<RequestException> ended = end;
    return ended == null ? RequestException.of(Kind.CLOSED, "connection is closing") : ended.get();
  }

  /** Runs an action where continuations may run. */
  private void later(Runnable completion) {
    if (stream == null) {
      completion.run();
    } else {
      stream.loop().completions().add(completion);
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
    request.unlink();
    places.decrementAndGet();
    if (request.isDone()) {
      abandoned.decrementAndGet();
      counts.countLate();
    } else {
      answer(request, MessageOwnership.take(message));
    }
    return true;
  }

  private void answer(Request request, A owned) {
    counts.countAnswered(now() - request.askedAt);
    if (!request.answer(owned)) { // cancelled at the same moment
      abandoned.decrementAndGet();
      ReferenceCountUtil.safeRelease(owned);
    }
  }

  /** Fails all open requests, since the connection has closed. */
  void close(CloseReason reason) {
    failAll(() -> RequestException.closed(reason));
  }

  /** Fails those that are open when a connection was detached, for which there is no onClose. */
  private void detached() {
    if (end == null) {
      failAll(() -> RequestException.of(Kind.CLOSED, "connection was detached"));
    }
  }

  private void failAll(Supplier<RequestException> failure) {
    end = failure;
    if (expiry != null) {
      expiry.cancel();
    }
    List<Request> all = requests.removeAll();
    all.addAll(unsent);
    unsent.clear();
    places.addAndGet(-all.size());
    for (Request request : all) {
      request.unlink();
      fail(request, failure.get());
    }
    owner.remove(this);
  }

  // Timeouts.

  /** Ends the wait for an answer, unless it has come. */
  private void timedOut(Request request) {
    if (!request.isDone()) {
      later(() -> failTimedOut(request));
      if (requests.areGivenUp()) {
        giveUpPlaceLater(request);
      }
    } else if (requests.areGivenUp()) { // cancelled before
      giveUpPlace(request);
    }
  }

  private void failTimedOut(Request request) {
    String message = "no answer within " + owner.timeout();
    if (request.fail(RequestException.of(Kind.TIMED_OUT, message))) {
      abandoned.incrementAndGet();
      counts.countTimedOut();
    }
  }

  private void giveUpPlaceLater(Request request) {
    if (stream == null) {
      connection.runAfter(owner.timeout(), () -> giveUpPlace(request));
    } else {
      late.add(request);
    }
  }

  /** Gives up the place of an abandoned request, unless its answer has come. */
  private void giveUpPlace(Request request) {
    if (requests.remove(request.key, request)) {
      places.decrementAndGet();
      abandoned.decrementAndGet();
    }
  }

  /** The deadline of the oldest request. In the wheel only while there are requests. */
  private final class Expiry extends DeadlineWheel.Entry {

    private final DeadlineWheel wheel;
    private final long timeout;

    Expiry(DeadlineWheel wheel) {
      this.wheel = wheel;
      this.timeout = wheel.maxDelay();
    }

    void schedule(long now) {
      wheel.schedule(this, deadline(now), now);
    }

    @Override
    protected long deadline(long now) {
      Request waits = waiting.oldest;
      Request isLate = late.oldest;
      long first = waits == null ? now + timeout : waits.askedAt + timeout;
      long second = isLate == null ? first : isLate.askedAt + 2 * timeout;
      boolean none = waits == null && isLate == null;
      return none ? now : first - second < 0 ? first : second;
    }

    @Override
    protected void expire() {
      long now = wheel.now();
      for (int i = 0; i < TIMEOUTS_PER_TURN && expireNext(now); i++) {
        // The next one.
      }
      if (waiting.oldest != null || late.oldest != null) {
        schedule(now);
      }
    }

    private boolean expireNext(long now) {
      Request waits = waiting.oldest;
      Request isLate = late.oldest;
      if (waits != null && waits.askedAt + timeout - now <= 0) {
        waits.unlink();
        timedOut(waits);
        return true;
      }
      if (isLate != null && isLate.askedAt + 2 * timeout - now <= 0) {
        isLate.unlink();
        giveUpPlace(isLate);
        return true;
      }
      return false;
    }
  }

  /** Requests in the order in which they began, linked through themselves. */
  private final class Fifo {

    private @Nullable Request oldest;
    private @Nullable Request newest;

    void add(Request request) {
      Request last = newest;
      request.fifo = this;
      request.older = last;
      if (last == null) {
        oldest = request;
      } else {
        last.newer = request;
      }
      newest = request;
    }

    void remove(Request request) {
      Request older = request.older;
      Request newer = request.newer;
      if (older == null) {
        oldest = newer;
      } else {
        older.newer = newer;
      }
      if (newer == null) {
        newest = older;
      } else {
        newer.older = older;
      }
      request.fifo = null;
      request.older = null;
      request.newer = null;
    }
  }

  /**
   * A question that waits for its answer, and the stage of that. Event loop only, except the
   * methods of the stage.
   */
  private final class Request extends CompletableFuture<A> {

    private Object key = this;
    private boolean begun;
    private long askedAt; // in nanoseconds of the event loop
    private @Nullable Fifo fifo;
    private @Nullable Request older;
    private @Nullable Request newer;

    void unlink() {
      if (fifo != null) {
        fifo.remove(this);
      }
    }

    boolean answer(A answer) {
      return super.complete(answer);
    }

    boolean fail(Throwable failure) {
      return super.completeExceptionally(failure);
    }

    // Called by code of the user, on any thread.

    @Override
    public boolean complete(A value) {
      return abandon(super.complete(value));
    }

    @Override
    public boolean completeExceptionally(Throwable failure) {
      return abandon(super.completeExceptionally(failure));
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
      return completeExceptionally(new CancellationException()) || isCancelled();
    }

    private boolean abandon(boolean first) {
      if (first) {
        abandoned.incrementAndGet();
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
      Throwable refusal = begin(request);
      if (refusal != null) {
        places.decrementAndGet();
        later(() -> fail(request, refusal));
      }
      return refusal == null;
    }

    @Override
    public boolean completeExceptionally(Throwable cause) {
      boolean atClose =
          cause instanceof IOException
              && end == null
              && stream != null
              && stream.inEventLoop()
              && stream.lifecycle().hasReason();
      if (!atClose) {
        giveUp(request, failure(cause));
      } else if (!request.begun) {
        unsent.add(request); // fails in onClose, which follows and has the reason
      }
      return super.completeExceptionally(cause);
    }
  }
}
