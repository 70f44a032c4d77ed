package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RejectedExecutionHandler;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Calls another handler on the threads of an executor, per connection one call at a time and in
 * order.
 *
 * <p>Each connection has a queue. When it is full, by number of messages or by bytes, unpacking and
 * reading pause until most of the queue has been handled.
 */
final class OffloadedHandler<I, O> implements Handler<I, O> {

  /** Number of queued events at which a queue is full and reading pauses. */
  static final int MAX_QUEUED = 64;

  /** Number of queued events at which reading resumes. */
  private static final int RESUME_AT_QUEUED = 16;

  /** Maximum number of calls before other connections get the thread. */
  private static final int CALLS_PER_RUN = 64;

  /** Maximum number of datagrams that are queued or being handled; further ones are dropped. */
  private static final int MAX_DATAGRAMS = 1024;

  /** Time in which a pool's thread begins the task that it has taken from the pool's queue. */
  private static final Duration BEGIN_TIME = Duration.ofSeconds(1);

  private final Handler<I, O> handler;
  private final Executor executor;
  private final RateLimitedLog errors = new RateLimitedLog();
  private final RateLimitedLog drops = new RateLimitedLog();
  private final AtomicInteger datagrams = new AtomicInteger();

  OffloadedHandler(Handler<I, O> handler, Executor executor) {
    this.handler = handler;
    this.executor = requireNoDiscard(executor);
  }

  /** Refuses a pool that drops tasks: such a task is the only one of its connection. */
  private static Executor requireNoDiscard(Executor executor) {
    if (executor instanceof ThreadPoolExecutor pool) {
      RejectedExecutionHandler policy = pool.getRejectedExecutionHandler();
      if (policy instanceof ThreadPoolExecutor.DiscardPolicy
          || policy instanceof ThreadPoolExecutor.DiscardOldestPolicy) {
        throw new IllegalArgumentException(
            "executor: a ThreadPoolExecutor with "
                + policy.getClass().getSimpleName()
                + " (expected: one that drops no task, for example with AbortPolicy)");
      }
    }
    return executor;
  }

  @Override
  public void onConnect(Connection<O> connection) {
    queue(connection).add(new Event(Kind.CONNECT, null, 0));
  }

  @Override
  public void onMessage(Connection<O> connection, I message) {
    if (Offloadable.isOffloadable(connection)) {
      Queue queue = queue(connection);
      long bytes = MessageOwnership.deliveredBytes(message); // of the user's, which may throw
      queue.add(new Event(Kind.MESSAGE, ReferenceCountUtil.retain(message), bytes));
    } else {
      offloadDatagram(connection, ReferenceCountUtil.retain(message));
    }
  }

  @Override
  public void onWritable(Connection<O> connection) {
    queue(connection).add(new Event(Kind.WRITABLE, null, 0));
  }

  @Override
  public void onClose(Connection<O> connection, CloseReason reason) {
    queue(connection).add(new Event(Kind.CLOSE, reason, 0));
  }

  /** Returns the number of bytes of the messages of a connection that wait to be handled. */
  static long queuedBytes(Connection<?> connection) {
    OffloadedHandler<?, ?>.Queue queue = queueIfAny(connection);
    return queue == null ? 0 : queue.bufferedBytes();
  }

  /** Closes a connection whose messages wait for an executor that was shut down. */
  static void closeIfShutDown(Connection<?> connection) {
    OffloadedHandler<?, ?>.Queue queue = queueIfAny(connection);
    if (queue != null) {
      queue.closeIfShutDown();
    }
  }

  @SuppressWarnings("rawtypes")
  private static OffloadedHandler<?, ?>.@Nullable Queue queueIfAny(Connection<?> connection) {
    OffloadedHandler.Queue queue = connection.attribute(OffloadedHandler.Queue.class);
    return queue;
  }

  /** Refuses a connection whose messages are handled by an offloaded handler. */
  static void requireNone(Connection<?> connection) {
    if (connection.attribute(OffloadedHandler.Queue.class) != null) {
      throw besideAsyncReplies();
    }
  }

  static IllegalStateException besideAsyncReplies() {
    return new IllegalStateException(
        "connection has an offloaded handler and one of replyingAsync; use one of them");
  }

  @SuppressWarnings("unchecked") // only this class puts queues there
  private Queue queue(Connection<O> connection) {
    Queue queue = (Queue) connection.attribute(Queue.class);
    if (queue == null) {
      Offloadable.of(connection); // refuses others
      AsyncReplies.requireNone(connection);
      queue = new Queue(connection);
      connection.attribute(Queue.class, queue);
    }
    if (!queue.belongsTo(this)) {
      throw new IllegalStateException("handler is offloaded twice; call offload once");
    }
    return queue;
  }

  /** Gives the executor a task, unless it was shut down: {@code CallerRunsPolicy} drops it then. */
  private void execute(Runnable task) {
    if (isShutDown()) {
      throw shutDown();
    }
    executor.execute(task);
  }

  private boolean isShutDown() {
    return executor instanceof ExecutorService service && service.isShutdown();
  }

  private static RejectedExecutionException shutDown() {
    return new RejectedExecutionException("executor was shut down");
  }

  /** Returns whether the executor, which was shut down, has no task left that has not begun. */
  private boolean hasNoQueuedTask() {
    return executor instanceof ThreadPoolExecutor pool
        ? pool.getQueue().isEmpty()
        : ((ExecutorService) executor).isTerminated();
  }

  private void offloadDatagram(Connection<O> connection, I message) {
    if (datagrams.incrementAndGet() > MAX_DATAGRAMS) {
      datagrams.decrementAndGet();
      ReferenceCountUtil.safeRelease(message);
      drops.warning("datagram dropped: limit of " + MAX_DATAGRAMS + " reached");
      return;
    }
    Datagram datagram = new Datagram(connection, message);
    try {
      execute(datagram);
    } catch (Throwable t) {
      datagram.drop();
      throw t;
    }
  }

  /** Calls the handler with a message whose reference the current thread owns. */
  private void deliver(Connection<O> connection, I message) {
    MessageOwnership.deliver(message, () -> handler.onMessage(connection, message));
  }

  private enum Kind {
    CONNECT,
    MESSAGE,
    WRITABLE,
    CLOSE
  }

  /** An event of a connection; {@code bytes} is the size of a message, as far as known. */
  private record Event(Kind kind, @Nullable Object content, long bytes) {}

  /** A datagram that waits to be handled. */
  private final class Datagram implements Runnable {

    private final Connection<O> connection;
    private final I message;
    private boolean begun; // guarded by this

    Datagram(Connection<O> connection, I message) {
      this.connection = connection;
      this.message = message;
    }

    /** Returns true once: an executor may throw and run the datagram nevertheless. */
    private synchronized boolean begin() {
      boolean first = !begun;
      begun = true;
      return first;
    }

    @Override
    public void run() {
      if (!begin()) {
        return;
      }
      try {
        deliver(connection, message);
      } catch (Throwable t) {
        errors.warning("handler failed for a datagram of " + connection.remoteAddress(), t);
      } finally {
        datagrams.decrementAndGet();
      }
    }

    void drop() {
      if (begin()) {
        ReferenceCountUtil.safeRelease(message);
        datagrams.decrementAndGet();
      }
    }
  }

  /** The states of a queue. */
  private enum State {
    /** No event is queued or being handled. */
    IDLE,
    /** Events are queued, and the executor has been given the queue. */
    SUBMITTED,
    /** A thread is handling the events. */
    RUNNING
  }

  /**
   * The events of one connection that wait to be handled.
   *
   * <p><b>Faults of the executor.</b> An executor that throws may have accepted its task: a thread
   * pool queues the task, and then fails to start a thread for it. So the events belong to the
   * thread that is first to change the state from {@code SUBMITTED} to {@code RUNNING}: the
   * executor's, which handles them, or the event loop, which drops them.
   *
   * <p>An executor that has accepted its task may also drop it, when it is shut down with {@code
   * shutdownNow}; after {@code shutdown} it still runs the task. So the close releases the messages
   * and makes sure of {@code onClose}; and where a connection would wait for the task for ever, it
   * checks whether an executor that was shut down still has tasks.
   */
  private final class Queue implements Runnable {

    private final Connection<O> connection;

    // Guarded by this.
    private final ArrayDeque<Event> events = new ArrayDeque<>();
    private State state = State.IDLE;
    private long bytes; // total size of the queued messages, as far as known
    private boolean full;
    private boolean writableQueued;

    // Used by the thread that runs the calls.
    private boolean connected; // onConnect was called
    private boolean failed; // a call has thrown; the connection closes

    Queue(Connection<O> connection) {
      this.connection = connection;
    }

    private Offloadable offloadable() {
      return Offloadable.of(connection);
    }

    @SuppressWarnings("ReferenceEquality")
    boolean belongsTo(OffloadedHandler<?, ?> other) {
      return OffloadedHandler.this == other;
    }

    synchronized long bufferedBytes() {
      return bytes + (long) Mailbox.MESSAGE_OVERHEAD * events.size();
    }

    /** Adds an event. Event loop only. */
    void add(Event event) {
      boolean start;
      boolean filled;
      boolean mayBeLost;
      synchronized (this) {
        if (event.kind == Kind.WRITABLE && writableQueued) {
          return;
        }
        writableQueued |= event.kind == Kind.WRITABLE;
        events.add(event);
        bytes += event.bytes;
        start = state == State.IDLE;
        mayBeLost = state == State.SUBMITTED;
        state = start ? State.SUBMITTED : state;
        filled = !full && (events.size() >= MAX_QUEUED || bytes >= offloadable().highWatermark());
        offloadable().offloaded(true);
        if (filled) {
          full = true;
          offloadable().pauseForOffload();
        }
      }
      if (event.kind == Kind.CLOSE) {
        releaseMessages();
      }
      if (start) {
        submit();
      }
      if (event.kind == Kind.CLOSE) {
        closeIfLost(mayBeLost);
      } else if (mayBeLost && filled) {
        closeIfShutDown();
      }
    }

    /** Releases the queued messages at the close, whatever the executor does. */
    private void releaseMessages() {
      List<Event> messages = new ArrayList<>();
      synchronized (this) {
        for (Event event : events) {
          if (event.kind == Kind.MESSAGE) {
            messages.add(event);
            bytes -= event.bytes;
          }
        }
        events.removeIf(event -> event.kind == Kind.MESSAGE);
      }
      messages.forEach(event -> ReferenceCountUtil.safeRelease(event.content));
    }

    /**
     * Makes sure of {@code onClose} although the executor may have dropped the task: one that
     * cannot be asked gets it again.
     */
    private void closeIfLost(boolean submittedBefore) {
      if (isShutDown()) {
        if (!(executor instanceof ThreadPoolExecutor) || hasNoQueuedTask()) {
          offloadable().executeOrRun(() -> dropIfWaiting(shutDown()));
        }
      } else if (submittedBefore && !(executor instanceof ExecutorService)) {
        try {
          executor.execute(this);
        } catch (Throwable t) {
          offloadable().executeOrRun(() -> dropIfWaiting(t));
        }
      }
    }

    void closeIfShutDown() {
      closeIfDropped(/* wasDropped= */ false);
    }

    /** Closes the connection if the executor has dropped the task; checks later if it may. */
    private void closeIfDropped(boolean wasDropped) {
      if (isShutDown() && isWaiting()) {
        boolean dropped = hasNoQueuedTask();
        if (dropped && wasDropped) {
          offloadable().executeOrRun(() -> dropIfWaiting(shutDown()));
        } else {
          connection.runAfter(BEGIN_TIME, () -> closeIfDropped(dropped));
        }
      }
    }

    private synchronized boolean isWaiting() {
      return state == State.SUBMITTED;
    }

    private void submit() {
      try {
        execute(this);
      } catch (Throwable t) {
        offloadable().executeOrRun(() -> submitFailed(t));
      }
    }

    /**
     * Drops the queued events, unless the executor is handling them, and closes the connection.
     * Runs on the event loop, unless that has ended.
     */
    private void submitFailed(Throwable cause) {
      if (!dropIfWaiting(cause)) {
        offloadable().handlerFailed(cause);
      }
    }

    /** Drops the queued events likewise; returns false if the executor is handling them. */
    private boolean dropIfWaiting(Throwable cause) {
      if (!begin()) {
        return false;
      }
      if (drop()) {
        errors.warning("executor failed for onClose of " + connection.remoteAddress(), cause);
      } else {
        offloadable().handlerFailed(cause);
      }
      return true;
    }

    /** Returns whether the current thread is the one that takes the queued events. */
    private synchronized boolean begin() {
      boolean first = state == State.SUBMITTED;
      state = first ? State.RUNNING : state;
      return first;
    }

    /** Drops the queued events except {@code CLOSE}; returns whether that was queued. */
    private boolean drop() {
      boolean closed = false;
      for (Event event; (event = next()) != null; ) {
        if (event.kind == Kind.CLOSE) {
          closed = true;
          call(event);
        } else {
          ReferenceCountUtil.safeRelease(event.content);
        }
      }
      return closed;
    }

    @Override
    public void run() {
      if (!begin()) {
        return;
      }
      for (int i = 0; i < CALLS_PER_RUN; i++) {
        Event event = next();
        if (event == null) {
          return;
        }
        call(event);
      }
      continueLater();
    }

    /** Submits this queue again, so that other connections get the thread first. */
    private void continueLater() {
      synchronized (this) {
        state = State.SUBMITTED;
      }
      submit();
    }

    /** Removes the next event; null ends the run of this queue. */
    private @Nullable Event next() {
      Event event;
      synchronized (this) {
        event = events.poll();
        if (event == null) {
          state = State.IDLE;
        } else {
          bytes -= event.bytes;
          writableQueued &= event.kind != Kind.WRITABLE;
        }
        offloadable().offloaded(event != null || failed); // closes with the reason of the failure
        if (full && events.size() <= RESUME_AT_QUEUED && bytes <= offloadable().lowWatermark()) {
          full = false;
          offloadable().resumeAfterOffload();
        }
      }
      if (event == null) {
        offloadable().closeIfPeerClosed();
      }
      return event;
    }

    @SuppressWarnings("unchecked") // only onMessage adds messages
    private void call(Event event) {
      try {
        switch (event.kind) {
          case CONNECT -> {
            connected = true;
            handler.onConnect(connection);
          }
          case MESSAGE -> {
            if (connection.isOpen() && !failed) {
              deliver(connection, (I) requireNonNull(event.content));
            } else {
              ReferenceCountUtil.safeRelease(event.content);
            }
          }
          case WRITABLE -> {
            if (!failed) {
              handler.onWritable(connection);
            }
          }
          case CLOSE -> {
            if (connected) {
              handler.onClose(connection, (CloseReason) requireNonNull(event.content));
            }
          }
        }
      } catch (Throwable t) {
        failed = true;
        offloadable().executeOrRun(() -> offloadable().handlerFailed(t));
      }
    }
  }
}
