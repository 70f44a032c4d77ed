package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
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

  private final Handler<I, O> handler;
  private final Executor executor;
  private final RateLimitedLog errors = new RateLimitedLog();
  private final RateLimitedLog drops = new RateLimitedLog();
  private final AtomicInteger datagrams = new AtomicInteger();

  OffloadedHandler(Handler<I, O> handler, Executor executor) {
    this.handler = handler;
    this.executor = executor;
  }

  @Override
  public void onConnect(Connection<O> connection) {
    queue(connection).add(new Event(Kind.CONNECT, null));
  }

  @Override
  public void onMessage(Connection<O> connection, I message) {
    if (connection instanceof Offloadable) {
      Queue queue = queue(connection);
      int bytes = (int) Math.min(Mailbox.sizeOf(message), Integer.MAX_VALUE);
      queue.add(new Event(Kind.MESSAGE, ReferenceCountUtil.retain(message), bytes));
    } else {
      offloadDatagram(connection, ReferenceCountUtil.retain(message));
    }
  }

  @Override
  public void onWritable(Connection<O> connection) {
    queue(connection).add(new Event(Kind.WRITABLE, null));
  }

  @Override
  public void onClose(Connection<O> connection, CloseReason reason) {
    queue(connection).add(new Event(Kind.CLOSE, reason));
  }

  @SuppressWarnings("unchecked") // only this class puts queues there
  private Queue queue(Connection<O> connection) {
    Offloadable<O> owner = (Offloadable<O>) connection;
    Queue queue = (Queue) owner.attribute(Queue.class);
    if (queue == null) {
      queue = new Queue(owner);
      owner.attribute(Queue.class, queue);
    }
    if (!queue.belongsTo(this)) {
      throw new IllegalStateException("handler is offloaded twice; call offload once");
    }
    return queue;
  }

  private void offloadDatagram(Connection<O> connection, I message) {
    if (datagrams.incrementAndGet() > MAX_DATAGRAMS) {
      datagrams.decrementAndGet();
      ReferenceCountUtil.release(message);
      drops.warning("datagram dropped: limit of " + MAX_DATAGRAMS + " reached");
      return;
    }
    try {
      executor.execute(
          () -> {
            try {
              deliver(connection, message);
            } catch (Throwable t) {
              errors.warning("handler failed for a datagram of " + connection.remoteAddress(), t);
            } finally {
              datagrams.decrementAndGet();
            }
          });
    } catch (RejectedExecutionException e) {
      datagrams.decrementAndGet();
      ReferenceCountUtil.release(message);
      throw e;
    }
  }

  /** Calls the handler with a message whose reference the current thread owns. */
  private void deliver(Connection<O> connection, I message) {
    MessageOwnership outer = MessageOwnership.current();
    MessageOwnership ownership = new MessageOwnership();
    MessageOwnership.enter(ownership);
    ownership.own(message);
    try {
      handler.onMessage(connection, message);
    } finally {
      ownership.release();
      MessageOwnership.enter(outer);
    }
  }

  private enum Kind {
    CONNECT,
    MESSAGE,
    WRITABLE,
    CLOSE
  }

  /** A call of the handler; a message with its size in bytes, as far as known. */
  private record Event(Kind kind, @Nullable Object content, int bytes) {

    private Event(Kind kind, @Nullable Object content) {
      this(kind, content, 0);
    }
  }

  /** The events of one connection that wait to be handled. */
  private final class Queue implements Runnable {

    private final Offloadable<O> connection;

    // Guarded by this.
    private final ArrayDeque<Event> events = new ArrayDeque<>();
    private long bytes; // total size of the queued messages
    private boolean running;
    private boolean full;
    private boolean writableQueued;

    private boolean connected; // onConnect was called; used by the thread that runs the calls

    Queue(Offloadable<O> connection) {
      this.connection = connection;
    }

    @SuppressWarnings("ReferenceEquality")
    boolean belongsTo(OffloadedHandler<?, ?> other) {
      return OffloadedHandler.this == other;
    }

    /** Adds an event. Event loop only. */
    void add(Event event) {
      boolean start;
      boolean filled;
      synchronized (this) {
        if (event.kind == Kind.WRITABLE && writableQueued) {
          return;
        }
        writableQueued |= event.kind == Kind.WRITABLE;
        events.add(event);
        bytes += event.bytes;
        start = !running;
        filled = !full && (events.size() >= MAX_QUEUED || bytes >= connection.highWatermark());
        running = true;
        connection.offloaded(true);
        if (filled) {
          full = true;
          connection.pauseForOffload();
        }
      }
      if (start) {
        execute();
      }
    }

    private void execute() {
      try {
        executor.execute(this);
      } catch (RejectedExecutionException e) {
        if (connection.hasLoopEnded()) {
          failRejected(e);
        } else {
          connection.execute(() -> failRejected(e));
        }
      }
    }

    /**
     * Drops the queued events and closes the connection, because the executor has rejected its
     * task. Runs on the event loop, unless that has ended.
     */
    private void failRejected(RejectedExecutionException cause) {
      boolean closed = false;
      for (Event event; (event = next()) != null; ) {
        closed |= event.kind == Kind.CLOSE;
        if (event.kind == Kind.CLOSE) {
          call(event);
        } else {
          ReferenceCountUtil.release(event.content);
        }
      }
      if (!closed) {
        connection.handlerFailed(cause);
      }
    }

    @Override
    public void run() {
      for (int i = 0; i < CALLS_PER_RUN; i++) {
        Event event = next();
        if (event == null) {
          return;
        }
        call(event);
      }
      execute();
    }

    /** Removes the next event; null ends the run of this queue. */
    private @Nullable Event next() {
      Event event;
      synchronized (this) {
        event = events.poll();
        running = event != null;
        if (event != null) {
          bytes -= event.bytes;
          writableQueued &= event.kind != Kind.WRITABLE;
        }
        connection.offloaded(running);
        if (full && events.size() <= RESUME_AT_QUEUED && bytes <= connection.lowWatermark()) {
          full = false;
          connection.resumeAfterOffload();
        }
      }
      if (event == null) {
        connection.closeIfPeerClosed();
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
            if (connection.isOpen()) {
              deliver(connection, (I) requireNonNull(event.content));
            } else {
              ReferenceCountUtil.release(event.content);
            }
          }
          case WRITABLE -> handler.onWritable(connection);
          case CLOSE -> {
            if (connected) {
              handler.onClose(connection, (CloseReason) requireNonNull(event.content));
            }
          }
        }
      } catch (Throwable t) {
        connection.execute(() -> connection.handlerFailed(t));
      }
    }
  }
}
