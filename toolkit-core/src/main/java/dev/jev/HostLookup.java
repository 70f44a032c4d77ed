package dev.jev;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * The lookups of the host that one client connects to.
 *
 * <p>A lookup blocks its thread, for as long as the name servers do not answer, and cannot be
 * ended. So there is one at a time: an attempt that begins while that of an earlier one hangs waits
 * for the same answer.
 *
 * <p><b>Threads.</b> Names are looked up on a separate thread. All methods are event loop only.
 */
final class HostLookup {

  /** Resolves a host name; may block. */
  interface Resolver {
    InetAddress[] resolve(String host) throws UnknownHostException;
  }

  /** Receives the result of a lookup on the event loop, once unless it is {@link #forget}. */
  interface Callback {

    void found(InetAddress[] addresses);

    void failed(Throwable cause);
  }

  private final Loop loop;
  private final String host;
  private final Resolver resolver;

  // Event loop only.
  private boolean underWay;
  private @Nullable Callback waiting; // null if no attempt waits

  HostLookup(Loop loop, String host, Resolver resolver) {
    this.loop = loop;
    this.host = host;
    this.resolver = resolver;
  }

  /** Looks the host up, unless a lookup is under way, and calls {@code callback} afterwards. */
  void await(Callback callback) {
    waiting = callback;
    if (isLiteral()) {
      resolve().run(); // does not block
    } else if (!underWay) {
      start();
    }
  }

  /** Drops the callback. */
  void forget() {
    waiting = null;
  }

  private boolean isLiteral() {
    return NetUtil.isValidIpV4Address(host) || NetUtil.isValidIpV6Address(host);
  }

  private void start() {
    underWay = true;
    Thread thread = new Thread(() -> onLoop(resolve()), "jev-resolve");
    thread.setDaemon(true); // it may wait long for a name server
    try {
      thread.start();
    } catch (Throwable t) { // the system has no thread left, for example
      onLoop(() -> failed(t));
    }
  }

  /** Resolves the host, and returns the next step, to be run on the event loop. */
  private Runnable resolve() {
    try {
      InetAddress[] addresses = resolver.resolve(host);
      return () -> found(addresses);
    } catch (Throwable t) {
      return () -> failed(t);
    }
  }

  private void onLoop(Runnable action) {
    try {
      loop.executor().execute(action);
    } catch (RejectedExecutionException e) {
      // The event loop has ended, and the client with it.
    }
  }

  private void found(InetAddress[] addresses) {
    Callback callback = end();
    if (callback != null) {
      callback.found(addresses);
    }
  }

  private void failed(Throwable cause) {
    Callback callback = end();
    if (callback != null) {
      callback.failed(cause);
    }
  }

  private @Nullable Callback end() {
    Callback callback = waiting;
    waiting = null;
    underWay = false;
    return callback;
  }
}
