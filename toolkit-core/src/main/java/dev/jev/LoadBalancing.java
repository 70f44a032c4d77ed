package dev.jev;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.security.SecureRandom;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntUnaryOperator;

/**
 * Chooses the event loop of a new connection.
 *
 * <p>Called on the event loop that accepted the connection, so possibly on several threads at the
 * same time. Not used for datagrams, nor for listeners with {@code reuseport=true}, where each
 * event loop keeps the connections it accepts.
 */
@FunctionalInterface
public interface LoadBalancing {

  /**
   * Returns the index of the event loop, from 0 (inclusive) to {@code loops} (exclusive). Any other
   * result closes the connection.
   *
   * @param peer the address of the new connection's peer
   * @param loops the number of event loops
   * @param connections returns the number of connections of the event loop with the given index; a
   *     connection counts as soon as it is assigned
   */
  int choose(SocketAddress peer, int loops, IntUnaryOperator connections);

  /** Returns a strategy that takes the event loops in turn. The default. */
  static LoadBalancing roundRobin() {
    AtomicInteger next = new AtomicInteger();
    return (peer, loops, connections) -> Math.floorMod(next.getAndIncrement(), loops);
  }

  /** Returns a strategy that takes a random event loop. */
  static LoadBalancing random() {
    return (peer, loops, connections) -> ThreadLocalRandom.current().nextInt(loops);
  }

  /** Returns a strategy that takes the event loop with the fewest connections. */
  static LoadBalancing leastConnections() {
    return (peer, loops, connections) -> {
      int least = 0;
      for (int i = 1; i < loops; i++) {
        if (connections.applyAsInt(i) < connections.applyAsInt(least)) {
          least = i;
        }
      }
      return least;
    };
  }

  /**
   * Returns a strategy that takes the same event loop for all connections from the same address,
   * whatever their port. Which one it is depends on a secret of the strategy: a peer with an IPv6
   * network has 2<sup>64</sup> addresses, but cannot choose those of one event loop. Peers of a
   * unix socket usually have no address: they all get the same event loop.
   */
  static LoadBalancing sourceHash() {
    long secret = new SecureRandom().nextLong();
    return (peer, loops, connections) -> (int) Long.remainderUnsigned(hash(secret, peer), loops);
  }

  private static long hash(long secret, SocketAddress peer) {
    if (!(peer instanceof InetSocketAddress inet) || inet.getAddress() == null) {
      return mix(secret ^ Objects.hashCode(peer));
    }
    long hash = secret;
    for (byte octet : inet.getAddress().getAddress()) {
      hash = mix(hash + octet);
    }
    return hash;
  }

  /** The last step of MurmurHash3, which makes every bit of the result depend on all of z. */
  private static long mix(long z) {
    long once = (z ^ (z >>> 33)) * 0xFF51AFD7ED558CCDL;
    long twice = (once ^ (once >>> 33)) * 0xC4CEB9FE1A85EC53L;
    return twice ^ (twice >>> 33);
  }
}
