package dev.jev;

import io.netty.channel.socket.SocketProtocolFamily;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.nio.channels.DatagramChannel;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The sockets of a UDP listener without a host: one for all addresses of the machine, and one for
 * each single address, with {@code reuseport} on every event loop.
 *
 * <p><b>Why.</b> What is sent from a socket for all addresses has the source address that the
 * system chooses. If that is not the address that the peer has asked, most peers drop the answer.
 * The system delivers a datagram to the socket of its address, if there is one, and what that
 * socket sends comes from this address.
 *
 * <p><b>Later addresses.</b> The socket for all addresses receives the rest: datagrams to addresses
 * that no network interface lists, such as 127.0.0.2, or that the machine has got since, and
 * broadcasts. With epoll, IPv4 datagrams come with their address. Its socket is then opened, and
 * handles the datagram. In all other cases the addresses of the machine are listed again.
 *
 * <p><b>Broadcasts.</b> The system delivers a broadcast to the socket of its address and to every
 * socket for all addresses. So it has no socket of its own, and there is only one for all
 * addresses, on one event loop: each datagram would be handled several times otherwise.
 *
 * <p><b>Threads.</b> The thread that starts the server, then the event loops of the sockets.
 */
final class UdpAddresses<I, O> {

  /** Maximum number of addresses with a socket: some systems accept whole networks as their own. */
  static final int MAX_ADDRESSES = 256;

  /** RFC 863: any port would do. */
  private static final int DISCARD_PORT = 9;

  private static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(5);

  private static final String CANNOT_LIST = "cannot list the addresses of this machine";

  /** Opens the socket of an address, next to the one for all addresses. */
  @FunctionalInterface
  interface Opener<I, O> {
    /** Returns null if the server is stopping. */
    @Nullable UdpSocket<I, O> open(InetSocketAddress address, Loop loop) throws IOException;
  }

  private final ListenAddress listener;
  private final UdpSocket<I, O> all;
  private final OnLoop first; // of the socket for all addresses
  private final List<OnLoop> others;
  private final Opener<I, O> opener;
  private final Supplier<List<InetAddress>> addressesOfMachine;
  private final RateLimitedLog log = new RateLimitedLog();
  private final AtomicBoolean listing = new AtomicBoolean();

  // Event loop of the socket for all addresses only.
  private long nextFailure; // no socket is opened for a datagram until then, after one failed
  private long nextListing;

  /**
   * Creates the addresses of a listener.
   *
   * @param all the socket for all addresses
   * @param loops the event loops that get a socket of each single address
   */
  UdpAddresses(
      ListenAddress listener,
      UdpSocket<I, O> all,
      List<Loop> loops,
      Opener<I, O> opener,
      Supplier<List<InetAddress>> addressesOfMachine) {
    this.listener = listener;
    this.all = all;
    this.first = new OnLoop(all.loop());
    this.others = loops.stream().filter(loop -> loop != all.loop()).map(OnLoop::new).toList();
    this.opener = opener;
    this.addressesOfMachine = addressesOfMachine;
    this.nextFailure = all.loop().nanoTime();
    this.nextListing = nextFailure;
  }

  /** Opens the sockets of all addresses that the machine has. */
  void open() {
    List<InetAddress> addresses = addresses();
    first.openAll(addresses);
    others.forEach(loop -> loop.openAll(addresses));
    all.forwardBy(this::askedSocket);
  }

  private List<InetAddress> addresses() {
    try {
      return addressesOfMachine.get();
    } catch (Throwable t) {
      log.warning(CANNOT_LIST, t);
      return List.of();
    }
  }

  /** Returns the addresses of all network interfaces. */
  static List<InetAddress> ofMachine() {
    try {
      return NetworkInterface.networkInterfaces().flatMap(NetworkInterface::inetAddresses).toList();
    } catch (SocketException e) {
      throw new UncheckedIOException(e);
    }
  }

  private boolean isOfFamily(InetAddress address) {
    boolean ip6 = address instanceof Inet6Address;
    return listener.family() == null || ip6 == (listener.family() == SocketProtocolFamily.INET6);
  }

  /**
   * Returns whether an address is that of a multicast group or a broadcast. Only the system knows
   * the latter: connect(2) refuses it to a socket that has not asked for broadcasts.
   */
  static boolean isForMany(InetAddress address) {
    if (address.isMulticastAddress() || address instanceof Inet6Address) { // without broadcasts
      return address.isMulticastAddress();
    }
    try (DatagramChannel probe = DatagramChannel.open(StandardProtocolFamily.INET)) {
      probe.connect(new InetSocketAddress(address, DISCARD_PORT)); // sends nothing
      return false;
    } catch (BindException e) { // EACCES, as the JDK reports it
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** Returns the socket of the address that a datagram was sent to, or null if there is none. */
  private @Nullable UdpSocket<I, O> askedSocket(InetAddress address) {
    if (address.isAnyLocalAddress()) { // the transport does not tell
      listIfDue();
      return null;
    }
    UdpSocket<I, O> known = first.sockets.get(address);
    return known == null ? openAsked(address) : known;
  }

  private @Nullable UdpSocket<I, O> openAsked(InetAddress address) {
    long now = all.loop().nanoTime();
    if (now - nextFailure < 0) {
      return null;
    }
    if (first.sockets.size() < MAX_ADDRESSES && isForMany(address)) {
      first.sockets.put(address, all);
      return all;
    }
    UdpSocket<I, O> opened = first.open(address);
    if (opened == null) {
      nextFailure = now + PERIOD_NANOS;
      return null;
    }
    others.forEach(loop -> loop.later(List.of(address)));
    return opened;
  }

  /** The sockets of one event loop. After the start, used on this loop only. */
  private final class OnLoop {

    private final Loop loop;
    private final Map<InetAddress, UdpSocket<I, O>> sockets = new HashMap<>();

    OnLoop(Loop loop) {
      this.loop = loop;
    }

    void later(List<InetAddress> addresses) {
      try {
        loop.executor().execute(() -> openAll(addresses));
      } catch (RejectedExecutionException e) {
        // The event loop has ended, and its sockets with it.
      }
    }

    void openAll(List<InetAddress> addresses) {
      addresses.stream()
          .filter(address -> isOfFamily(address) && !sockets.containsKey(address))
          .forEach(this::open);
    }

    private @Nullable UdpSocket<I, O> open(InetAddress address) {
      try {
        if (sockets.size() == MAX_ADDRESSES) {
          throw new IOException("limit of " + MAX_ADDRESSES + " addresses reached");
        }
        int port = ((InetSocketAddress) all.address()).getPort();
        UdpSocket<I, O> opened = opener.open(new InetSocketAddress(address, port), loop);
        if (opened != null) {
          sockets.put(address, opened);
        }
        return opened;
      } catch (IOException | RuntimeException e) {
        log.warning(
            "what was sent to "
                + address.getHostAddress()
                + " is answered from an address that the system chooses, on "
                + listener.uri()
                + ": "
                + Transport.text(e));
        return null;
      }
    }
  }

  /** Lists the addresses of the machine on another thread, since that takes milliseconds. */
  private void listIfDue() {
    long now = all.loop().nanoTime();
    if (now - nextListing >= 0 && listing.compareAndSet(false, true)) {
      nextListing = now + PERIOD_NANOS;
      startLister();
    }
  }

  private void startLister() {
    Thread lister = new Thread(this::list, "jev-addresses");
    lister.setDaemon(true);
    try {
      lister.start();
    } catch (Throwable t) { // the system has no thread left, for example
      listing.set(false);
      log.warning(CANNOT_LIST, t);
    }
  }

  private void list() {
    try {
      List<InetAddress> addresses = addresses();
      first.later(addresses);
      others.forEach(loop -> loop.later(addresses));
    } finally {
      listing.set(false);
    }
  }
}
