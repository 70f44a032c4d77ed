package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.concurrent.Future;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to connect a socket to a {@link ConnectAddress}.
 *
 * <p><b>Addresses.</b> A name may have several addresses, some of them unreachable. They are tried
 * one after the other. The next one begins as soon as one has failed, or after 250 ms, while the
 * earlier ones go on. The first socket that connects is used, the others are closed (RFC 8305, 5).
 *
 * <p><b>Threads.</b> Event loop only.
 */
final class ConnectAttempt {

  /** RFC 8305, 8: the Connection Attempt Delay. */
  static final long STAGGER_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  /** The name of the failed system call, with which Netty's messages begin. */
  private static final Pattern SYSTEM_CALL = Pattern.compile("^[\\w ]+\\(\\.\\.\\) failed[^:]*: ");

  /** Opens a socket on the event loop and begins to connect it. */
  interface Sockets {

    /**
     * Opens a socket with {@code handler} in its pipeline.
     *
     * @return the future that fails if the socket cannot be connected. Success is signaled by
     *     {@code channelActive} of the handler.
     */
    ChannelFuture connect(SocketAddress address, ChannelHandler handler) throws IOException;
  }

  /**
   * Receives the result of an attempt, exactly once unless the attempt is {@linkplain
   * ConnectAttempt#cancel cancelled}.
   */
  interface Callback {

    /**
     * Takes over a connected socket. The callback has to replace the context's handler and to fire
     * {@code channelActive}.
     */
    void connected(ChannelHandlerContext context);

    /** Handles the failure of the attempt. */
    void failed(IOException cause);
  }

  private final Loop loop;
  private final ConnectAddress target;
  private final Duration timeout;
  private final HostLookup lookup;
  private final Sockets sockets;
  private final Callback callback;

  // Event loop only.
  private final Queue<SocketAddress> untried = new ArrayDeque<>();
  private final List<Channel> connecting = new ArrayList<>();
  private final List<Throwable> failures = new ArrayList<>();
  private @Nullable Future<?> deadline;
  private @Nullable Future<?> stagger;
  private boolean ended;

  /**
   * Creates an attempt.
   *
   * @param lookup the lookups of the target's host
   */
  ConnectAttempt(
      Loop loop,
      ConnectAddress target,
      Duration timeout,
      HostLookup lookup,
      Sockets sockets,
      Callback callback) {
    this.loop = loop;
    this.target = target;
    this.timeout = timeout;
    this.lookup = lookup;
    this.sockets = sockets;
    this.callback = callback;
  }

  void start() {
    deadline = schedule(this::expire, timeout.toNanos());
    if (!target.isIp()) {
      resolved(List.of(target.address()));
    } else {
      lookup.await(new Resolved());
    }
  }

  private void resolved(List<SocketAddress> addresses) {
    untried.addAll(addresses);
    if (untried.isEmpty()) {
      fail(new UnknownHostException(target.host() + " has no address of the requested family"));
    } else {
      tryNext();
    }
  }

  private void tryNext() {
    cancel(stagger);
    SocketAddress address = untried.poll();
    if (ended || address == null) {
      return;
    }
    if (!untried.isEmpty()) {
      stagger = schedule(this::tryNext, STAGGER_NANOS);
    }
    try {
      ChannelFuture connected = sockets.connect(address, new ConnectedHandler());
      connecting.add(connected.channel());
      connected.addListener(
          done -> {
            if (!done.isSuccess()) {
              addressFailed(connected.channel(), done.cause());
            }
          });
    } catch (Throwable t) { // out of file descriptors, for example
      addressFailed(null, t);
    }
  }

  private void addressFailed(@Nullable Channel channel, Throwable cause) {
    if (channel != null) {
      channel.close();
      connecting.remove(channel);
    }
    failures.add(cause);
    if (!untried.isEmpty()) {
      tryNext();
    } else if (connecting.isEmpty()) {
      fail(failures.get(0));
    }
  }

  private void expire() {
    String reason = "no answer within " + timeout;
    fail(
        failures.isEmpty()
            ? new SocketTimeoutException(reason)
            : new SocketTimeoutException(
                reason + "; another address failed: " + reason(failures.get(0))));
  }

  private void fail(Throwable cause) {
    if (!ended) {
      cancel();
      callback.failed(failure(target, reason(cause), cause));
    }
  }

  static IOException failure(ConnectAddress target, String reason, @Nullable Throwable cause) {
    String text = "cannot connect to " + target.uri() + ": " + reason;
    IOException failure =
        cause instanceof SocketTimeoutException
            ? new SocketTimeoutException(text)
            : new ConnectException(text);
    failure.initCause(cause);
    return failure;
  }

  private static String reason(Throwable failure) {
    Throwable root = Transport.rootCause(failure);
    if (root.getMessage() == null && root instanceof FileNotFoundException) { // of a unix socket
      return "No such file or directory";
    }
    return SYSTEM_CALL.matcher(Transport.text(root)).replaceFirst("");
  }

  /** Ends the attempt without a call of the callback. */
  void cancel() {
    ended = true;
    lookup.forget();
    cancel(deadline);
    cancel(stagger);
    untried.clear();
    List.copyOf(connecting).forEach(Channel::close);
  }

  private static void cancel(@Nullable Future<?> timer) {
    if (timer != null) {
      timer.cancel(false);
    }
  }

  private Future<?> schedule(Runnable action, long nanos) {
    return loop.executor().schedule(action, nanos, TimeUnit.NANOSECONDS);
  }

  /** Goes on with the addresses of the host. */
  private final class Resolved implements HostLookup.Callback {

    @Override
    public void found(InetAddress[] addresses) {
      resolved(target.interleave(addresses));
    }

    @Override
    public void failed(Throwable cause) {
      fail(cause);
    }
  }

  /** Ends the attempt when its socket is the first one that is connected. */
  private final class ConnectedHandler extends ChannelInboundHandlerAdapter {

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      if (ended) {
        ctx.close();
        return;
      }
      connecting.remove(ctx.channel());
      cancel();
      callback.connected(ctx);
    }
  }
}
