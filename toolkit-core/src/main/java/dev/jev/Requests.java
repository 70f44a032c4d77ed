package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.RequestException.Kind;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Sends questions and finds their answers among the messages of a connection, in any protocol.
 *
 * <pre>
 *   Requests&lt;Note, Note&gt; notes = Requests.&lt;Note, Note, Integer&gt;byId(Note::id, Note::id).build();
 *   Client&lt;Note&gt; client = Client.builder(NoteProtocol::new, notes.handler()).connect(uri);
 *   client.connected().thenCompose(connection -&gt; notes.ask(connection, new Note(7, "hello")));
 * </pre>
 *
 * <p>{@link #handler} is the handler of the server or client. It completes requests with their
 * answers, and passes all other messages on. One instance serves any number of connections; each
 * has requests and ids of its own. A server may ask its clients, too. Datagrams are not supported.
 *
 * <p><b>Late answers.</b> A request that timed out or was cancelled keeps its place: its late
 * answer is dropped, and never taken for the answer to another question. An id is free again when
 * the late answer has come, or at the latest two timeouts after the question. A place in an order
 * stays until its answer has come.
 *
 * <p><b>Lost connections.</b> The close of a connection fails its open requests with the reason of
 * the close. No question is sent again, since it may have taken effect.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. Stages complete on the event loop
 * of the connection, where their continuations have the same rights as a callback and must not
 * block. A request that fails at once has a stage that is complete already. Questions and other
 * messages that one thread sends leave in the order of the calls.
 *
 * <p><b>Ownership.</b> A reference-counted question is consumed in all cases, as by {@link
 * Connection#send}. A reference-counted answer belongs to the code that asked, which releases it.
 * An answer that comes too late is released here.
 *
 * @param <Q> the type of the questions, and of all outbound messages
 * @param <A> the type of the answers, and of all inbound messages
 */
public final class Requests<Q, A> {

  private final Matching<Q, A> matching;
  private final Duration timeout;
  private final int maxOpen;
  private final Handler<? super A, Q> unasked;
  private final Handler<A, Q> handler = new AnswerHandler();
  private final AtomicInteger turn = new AtomicInteger(); // of clients with equally few requests

  private final Set<OpenRequests<Q, A>> connections = ConcurrentHashMap.newKeySet();
  private final RequestCounts closed = new RequestCounts(); // of others; guarded by this

  /**
   * The rule that finds the request of an answer: by ids, or in order if there are no functions for
   * ids.
   */
  private record Matching<Q, A>(
      @Nullable Function<? super Q, ?> idOfQuestion,
      Function<? super A, ? extends @Nullable Object> idOfAnswer,
      Predicate<? super A> isAnswer) {}

  /**
   * Counts of requests since the start.
   *
   * @param open the number of requests that wait for their answers
   * @param asked the number of all requests whose questions were packed
   * @param answered the number of requests whose answer came in time
   * @param timedOut the number of requests whose answer did not come in time
   * @param late the number of answers that came after the timeout or a cancellation
   * @param totalLatency the sum of the times from the question to the answer, of all requests that
   *     were answered
   */
  public record Stats(
      long open, long asked, long answered, long timedOut, long late, Duration totalLatency) {}

  private Requests(Builder<Q, A> builder) {
    this.matching = builder.matching;
    this.timeout = builder.timeout;
    this.maxOpen = builder.maxOpen;
    this.unasked = builder.unasked;
  }

  /**
   * Returns a builder for a protocol in which an answer has the id of its question. The ids of the
   * open requests of a connection differ.
   *
   * @param idOfQuestion returns the id of a question; called on the thread that asks
   * @param idOfAnswer returns the id of an answer, or null for a message that is no answer; called
   *     on the event loop
   * @param <K> the type of ids, with {@code equals} and {@code hashCode}
   */
  public static <Q, A, K> Builder<Q, A> byId(
      Function<? super Q, ? extends K> idOfQuestion,
      Function<? super A, ? extends @Nullable K> idOfAnswer) {
    requireNonNull(idOfQuestion, "idOfQuestion");
    requireNonNull(idOfAnswer, "idOfAnswer");
    return new Builder<>(new Matching<>(idOfQuestion, idOfAnswer, message -> true));
  }

  /** Returns a builder for a protocol in which every message is the answer to the next question. */
  public static <Q, A> Builder<Q, A> inOrder() {
    return inOrder(message -> true);
  }

  /**
   * Returns a builder for a protocol in which answers come in the order of the questions, with
   * other messages between them.
   *
   * @param isAnswer returns false for a message that is no answer, for example a push of RESP3;
   *     called on the event loop
   */
  public static <Q, A> Builder<Q, A> inOrder(Predicate<? super A> isAnswer) {
    requireNonNull(isAnswer, "isAnswer");
    return new Builder<>(new Matching<>(null, message -> null, isAnswer));
  }

  /**
   * Returns the handler of the server or client. {@link Handler#offload} throws an exception; the
   * handler of {@link Builder#onUnasked} may be offloaded.
   */
  public Handler<A, Q> handler() {
    return handler;
  }

  /**
   * Sends a question on a connection, and returns the stage of its answer.
   *
   * <p>The stage fails with a {@link RequestException}, or with the exception of the protocol if it
   * cannot pack the question. Cancelling the stage forgets the request.
   *
   * @throws IllegalArgumentException if {@code connection} is the connection of a datagram
   */
  public CompletableFuture<A> ask(Connection<Q> connection, Q question) {
    requireNonNull(connection, "connection");
    requireNonNull(question, "question");
    try {
      return OpenRequests.of(this, connection).ask(question);
    } catch (IllegalArgumentException e) {
      OpenRequests.discard(question);
      throw e;
    }
  }

  /**
   * Sends a question on the connection of a client likewise. While there is none, the stage fails
   * at once, also with {@link Client.WhileDisconnected#QUEUE}.
   */
  public CompletableFuture<A> ask(Client<Q> client, Q question) {
    requireNonNull(question, "question");
    Connection<Q> connection = client.connection();
    return connection == null ? askNone(1, question) : ask(connection, question);
  }

  /**
   * Sends a question on the connection with the fewest open requests among those of several
   * clients. Clients without a connection are skipped.
   */
  public CompletableFuture<A> ask(List<Client<Q>> clients, Q question) {
    requireNonNull(question, "question");
    Connection<Q> connection = leastBusy(clients);
    return connection == null ? askNone(clients.size(), question) : ask(connection, question);
  }

  private CompletableFuture<A> askNone(int clients, Q question) {
    OpenRequests.discard(question);
    String message = "connected clients: 0 of " + clients + " (expected: at least one)";
    return CompletableFuture.failedFuture(RequestException.of(Kind.CLOSED, message));
  }

  /**
   * Sends a question like {@link #ask(Connection, Object)} and waits for the answer. Intended for
   * virtual threads. An interrupt cancels the request.
   *
   * @throws RequestException if the question is not sent or not answered; has a stack trace
   * @throws IllegalStateException if called on an event loop
   */
  public A askAndWait(Connection<Q> connection, Q question) throws InterruptedException {
    requireMayWait(question);
    return await(ask(connection, question));
  }

  /** Sends a question like {@link #ask(Client, Object)} and waits for the answer likewise. */
  public A askAndWait(Client<Q> client, Q question) throws InterruptedException {
    requireMayWait(question);
    return await(ask(client, question));
  }

  /** Sends a question like {@link #ask(List, Object)} and waits for the answer likewise. */
  public A askAndWait(List<Client<Q>> clients, Q question) throws InterruptedException {
    requireMayWait(question);
    return await(ask(clients, question));
  }

  /** Returns the counts of all connections together. */
  public synchronized Stats stats() {
    RequestCounts sum = new RequestCounts();
    sum.addAll(closed);
    long open = 0;
    for (OpenRequests<Q, A> each : connections) {
      sum.addAll(each.counts());
      open += each.open();
    }
    return new Stats(
        open,
        sum.asked(),
        sum.answered(),
        sum.timedOut(),
        sum.late(),
        Duration.ofNanos(sum.latencyNanos()));
  }

  private @Nullable Connection<Q> leastBusy(List<Client<Q>> clients) {
    int first = clients.size() < 2 ? 0 : turn.getAndIncrement();
    Connection<Q> best = null;
    int fewest = Integer.MAX_VALUE;
    for (int i = 0; i < clients.size(); i++) {
      Client<Q> client = clients.get(Math.floorMod(first + i, clients.size()));
      Connection<Q> connection = client.connection();
      int count = connection == null || !connection.isOpen() ? fewest : openOn(connection);
      if (count < fewest) {
        best = connection;
        fewest = count;
      }
    }
    return best;
  }

  private int openOn(Connection<Q> connection) {
    OpenRequests<Q, A> open = OpenRequests.find(this, connection);
    return open == null ? 0 : open.places();
  }

  private static void requireMayWait(Object question) {
    if (Loop.current() != null) {
      OpenRequests.discard(question);
      throw new IllegalStateException(
          "askAndWait called on an event loop, which it would block; use ask");
    }
  }

  private static <A> A await(CompletableFuture<A> answer) throws InterruptedException {
    try {
      return answer.get();
    } catch (InterruptedException e) {
      if (!answer.cancel(false)) { // it came at the same moment
        answer.thenAccept(ReferenceCountUtil::safeRelease);
      }
      throw e;
    } catch (ExecutionException e) {
      Throwable cause = requireNonNull(e.getCause());
      throw cause instanceof RequestException failure
          ? failure.here()
          : new CompletionException(cause);
    }
  }

  // For OpenRequests.

  <R> Places<Q, A, R> newPlaces() {
    Function<? super Q, ?> ids = matching.idOfQuestion;
    return ids == null
        ? new Places.InOrder<>(matching.isAnswer)
        : new Places.ById<>(ids, matching.idOfAnswer);
  }

  Duration timeout() {
    return timeout;
  }

  int maxOpen() {
    return maxOpen;
  }

  /** Adds those of a connection that was asked for the first time. Any thread. */
  void add(OpenRequests<Q, A> open) {
    connections.add(open);
  }

  /** Removes those of a connection that has closed. Any thread. */
  synchronized void remove(OpenRequests<Q, A> open) {
    if (connections.remove(open)) {
      closed.addAll(open.counts());
    }
  }

  static IllegalStateException offloaded() {
    return new IllegalStateException(
        "the handler of Requests is offloaded; offload the handler of onUnasked instead");
  }

  /** Completes requests with their answers, and passes everything else on. */
  private final class AnswerHandler implements Handler<A, Q> {

    @Override
    public void onConnect(Connection<Q> connection) {
      unasked.onConnect(connection);
    }

    @Override
    public void onMessage(Connection<Q> connection, A message) {
      OpenRequests<Q, A> open = OpenRequests.find(Requests.this, connection);
      if (open == null || !open.receive(message)) {
        unasked.onMessage(connection, message);
      }
    }

    @Override
    public void onWritable(Connection<Q> connection) {
      unasked.onWritable(connection);
    }

    @Override
    public void onClose(Connection<Q> connection, CloseReason reason) {
      OpenRequests<Q, A> open = OpenRequests.find(Requests.this, connection);
      if (open != null) {
        open.close(reason);
      }
      unasked.onClose(connection, reason);
    }

    @Override
    public Handler<A, Q> offload(Executor executor) {
      throw offloaded();
    }
  }

  /**
   * A builder of {@link Requests}.
   *
   * @param <Q> the type of the questions
   * @param <A> the type of the answers
   */
  public static final class Builder<Q, A> {

    private final Matching<Q, A> matching;
    private Duration timeout = Duration.ofSeconds(10);
    private int maxOpen = 1_000;
    private Handler<? super A, Q> unasked = (connection, message) -> {};

    private Builder(Matching<Q, A> matching) {
      this.matching = matching;
    }

    /**
     * Sets the time in which an answer must come; 10 s by default. A request times out no earlier,
     * and about 1/200 of the timeout later, or 5 ms if that is more.
     *
     * @throws IllegalArgumentException if {@code timeout} is not longer than zero
     */
    public Builder<Q, A> timeout(Duration timeout) {
      this.timeout = Checks.positive("timeout", timeout);
      return this;
    }

    /**
     * Sets the maximum number of requests per connection, 1,000 by default. It includes those that
     * have timed out or were cancelled and whose late answer may still come. Further requests fail
     * at once.
     *
     * @throws IllegalArgumentException if {@code maxOpen} is not in 1..1000000
     */
    public Builder<Q, A> maxOpen(int maxOpen) {
      this.maxOpen = Checks.inRange("maxOpen", maxOpen, 1, 1_000_000);
      return this;
    }

    /**
     * Sets the handler of the messages that are no answers. It gets all other events of the
     * connections, too; its {@code onClose} is called when the open requests have failed. By
     * default, such messages are dropped.
     */
    public Builder<Q, A> onUnasked(Handler<? super A, Q> unasked) {
      this.unasked = requireNonNull(unasked, "unasked");
      return this;
    }

    /** Returns the requests. */
    public Requests<Q, A> build() {
      return new Requests<>(this);
    }
  }
}
