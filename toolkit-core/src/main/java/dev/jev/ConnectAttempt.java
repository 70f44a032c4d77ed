package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.NetUtil;
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
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to get a socket that is connected to a {@link ConnectAddress}.
 *
 * <p><b>Addresses.</b> A name may have several, and some of them may lead nowhere. They are tried
 * one after the other, the next one as soon as one has failed, or after 250 ms without waiting for
 * those before it. The first that connects wins, the others are closed (RFC 8305, 5).
 *
 * <p><b>Threads.</b> Names are looked up on a thread of their own, since that blocks. Everything
 * else is event loop only.
 */
final class ConnectAttempt {

  /** RFC 8305, 8: the Connection Attempt Delay. */
  static final long STAGGER_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  /** What the system calls that fail are called, in front of the reason. */
  private static final Pattern SYSTEM_CALL = Pattern.compile("^[\\w ]+\\(\\.\\.\\) failed[^:]*: ");

  /** Looks up the addresses of a name; may block. */
  interface Resolver {
    InetAddress[] resolve(String host) throws UnknownHostException;
  }

  /** Opens a socket on the event loop and begins to connect it. */
  interface Sockets {

    /**
     * Returns what tells of a failure; {@code handler}, in the new channel's pipeline, tells of
     * success.
     */
    ChannelFuture connect(SocketAddress address, ChannelHandler handler) throws IOException;
  }

  /**
   * Is told how it ended, once, unless the attempt was {@linkplain ConnectAttempt#cancel
   * cancelled}.
   */
  interface Callback {

    /**
     * A socket is connected. The context's handler is to be replaced, and its {@code channelActive}
     * to be passed on.
     */
    void connected(ChannelHandlerContext context);

    void failed(IOException cause);
  }

  private final Loop loop;
  private final ConnectAddress target;
  private final Duration timeout;
  private final Resolver resolver;
  private final Sockets sockets;
  private final Callback callback;

  // Event loop only.
  private final Queue<SocketAddress> untried = new ArrayDeque<>();
  private final List<Channel> connecting = new ArrayList<>();
  private final List<Throwable> failures = new ArrayList<>();
  private @Nullable Future<?> deadline;
  private @Nullable Future<?> stagger;
  private boolean ended;

  ConnectAttempt(
      Loop loop,
      ConnectAddress target,
      Duration timeout,
      Resolver resolver,
      Sockets sockets,
      Callback callback) {
    this.loop = loop;
    this.target = target;
    this.timeout = timeout;
    this.resolver = resolver;
    this.sockets = sockets;
    this.callback = callback;
  }

  void start() {
    deadline = schedule(this::expire, timeout.toNanos());
    if (!target.isIp()) {
      resolved(List.of(target.address()));
    } else if (isLiteral(target.host())) {
      resolve().run(); // does not block
    } else {
      Thread thread = new Thread(() -> onLoop(resolve()), "jev-resolve");
      thread.setDaemon(true); // it may wait for a name server that does not answer
      thread.start();
    }
  }

  private static boolean isLiteral(String host) {
    return NetUtil.isValidIpV4Address(host) || NetUtil.isValidIpV6Address(host);
  }

  /** Looks the host up; returns what is to be done on the event loop then. */
  private Runnable resolve() {
    try {
      InetAddress[] addresses = resolver.resolve(target.host());
      return () -> resolved(target.interleave(addresses));
    } catch (Throwable t) {
      return () -> fail(t);
    }
  }

  private void onLoop(Runnable action) {
    try {
      loop.executor().execute(action);
    } catch (RejectedExecutionException e) {
      // The event loop has ended, and with it the client.
    }
  }

  private void resolved(List<SocketAddress> addresses) {
    untried.addAll(addresses);
    if (untried.isEmpty()) {
      fail(new UnknownHostException(target.host() + " has no address of that family"));
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
              failed(connected.channel(), done.cause());
            }
          });
    } catch (Throwable t) { // no file descriptor left, for example
      failed(null, t);
    }
  }

  private void failed(@Nullable Channel channel, Throwable cause) {
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
            : new SocketTimeoutException(reason + ", besides: " + reason(failures.get(0))));
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
    String message = root.getMessage();
    if (message == null && root instanceof FileNotFoundException) { // of a unix socket
      return "No such file or directory";
    }
    return message == null ? root.toString() : SYSTEM_CALL.matcher(message).replaceFirst("");
  }

  /** Ends the attempt; nobody is told. */
  void cancel() {
    ended = true;
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

  /** Takes part in the race with one socket. */
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
