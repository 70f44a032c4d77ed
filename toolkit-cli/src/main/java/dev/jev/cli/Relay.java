package dev.jev.cli;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Handler;
import dev.jev.codec.Protocols;
import io.netty.buffer.ByteBuf;
import java.io.PrintStream;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The handler of a server that makes a connection to another server for each of its own, and passes
 * bytes on in both directions. The attachment of a connection is its other end.
 *
 * <p>The close of one connection closes the other one. The end of its output only ends that of the
 * other one, so that the answers still come.
 */
final class Relay implements Handler<ByteBuf, ByteBuf> {

  /** Long, because the answers may take their time; the loss of either peer closes both earlier. */
  private static final Duration MAX_HALF_CLOSED = Duration.ofHours(1);

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final EventLoops loops;
  private final String target;
  private final PrintStream err;
  private long nextTold = System.nanoTime(); // guarded by this

  /**
   * Creates a relay.
   *
   * @param target the address of the other server
   * @param err gets a line if there is no connection to it, at most one per second
   */
  Relay(EventLoops loops, String target, PrintStream err) {
    this.loops = loops;
    this.target = target;
    this.err = err;
  }

  @Override
  public void onConnect(Connection<ByteBuf> near) {
    near.pauseReading(); // until the other end is there
    Client.builder(Protocols::bytes, new Far(near))
        .eventLoops(loops)
        .connect(target)
        .connected()
        .whenComplete((far, failure) -> closeAfter(failure, near));
  }

  private void closeAfter(@Nullable Throwable failure, Connection<ByteBuf> near) {
    if (failure != null) {
      Throwable cause = failure.getCause();
      tell(failure instanceof CompletionException && cause != null ? cause : failure);
      near.close();
    }
  }

  private synchronized void tell(Throwable failure) {
    long now = System.nanoTime();
    if (now - nextTold >= 0) {
      nextTold = now + SECOND;
      err.println("jev capture: " + failure.getMessage());
    }
  }

  @Override
  public void onMessage(Connection<ByteBuf> connection, ByteBuf bytes) {
    pass(connection, bytes);
  }

  @Override
  public void onWritable(Connection<ByteBuf> connection) {
    resumeOther(connection);
  }

  @Override
  public void onClose(Connection<ByteBuf> connection, CloseReason reason) {
    endOther(connection, reason);
  }

  @SuppressWarnings("unchecked") // see Far.onConnect
  private static @Nullable Connection<ByteBuf> other(Connection<ByteBuf> connection) {
    return connection.attachment(Connection.class);
  }

  private static void pass(Connection<ByteBuf> from, ByteBuf bytes) {
    Connection<ByteBuf> to = other(from);
    if (to == null) {
      return;
    }
    to.send(bytes);
    if (!to.isWritable()) {
      from.pauseReading();
      resumeOther(to); // in case it has become writable in between
    }
  }

  private static void resumeOther(Connection<ByteBuf> connection) {
    Connection<ByteBuf> other = other(connection);
    if (other != null && connection.isWritable()) {
      other.resumeReading();
    }
  }

  private static void endOther(Connection<ByteBuf> connection, CloseReason reason) {
    Connection<ByteBuf> other = other(connection);
    if (other == null) {
      return;
    }
    if (reason.kind() == CloseReason.Kind.PEER_CLOSED) {
      other.shutdownOutput(); // it has ended, too, and closes when its output is written
    } else {
      other.close();
    }
  }

  /** The handler of the connection to the other server. */
  private record Far(Connection<ByteBuf> near) implements Handler<ByteBuf, ByteBuf> {

    @Override
    public void onConnect(Connection<ByteBuf> far) {
      near.attach(far);
      far.attach(near);
      near.onHalfClose(MAX_HALF_CLOSED, far::shutdownOutput);
      far.onHalfClose(MAX_HALF_CLOSED, near::shutdownOutput);
      near.resumeReading();
      if (!near.isOpen()) {
        far.close();
      }
    }

    @Override
    public void onMessage(Connection<ByteBuf> connection, ByteBuf bytes) {
      pass(connection, bytes);
    }

    @Override
    public void onWritable(Connection<ByteBuf> connection) {
      resumeOther(connection);
    }

    @Override
    public void onClose(Connection<ByteBuf> connection, CloseReason reason) {
      endOther(connection, reason);
    }
  }
}
