package dev.jev;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntUnaryOperator;

/**
 * Chooses the event loop of a new connection.
 *
 * <p>Called on the event loop that accepted the connection; several may call at the same time. Not
 * asked for listeners with {@code reuseport=true}, where every loop keeps what it accepts, and for
 * datagrams.
 */
@FunctionalInterface
public interface LoadBalancing {

  /**
   * Returns the index of the event loop, from 0 up to but not including {@code loops}; any other
   * closes the connection.
   *
   * @param peer the address of the new connection's peer
   * @param loops how many event loops there are
   * @param connections tells how many connections a loop has, counted when they are assigned
   */
  int choose(SocketAddress peer, int loops, IntUnaryOperator connections);

  /** One loop after the other. The default. */
  static LoadBalancing roundRobin() {
    AtomicInteger next = new AtomicInteger();
    return (peer, loops, connections) -> Math.floorMod(next.getAndIncrement(), loops);
  }

  /** Any loop. */
  static LoadBalancing random() {
    return (peer, loops, connections) -> ThreadLocalRandom.current().nextInt(loops);
  }

  /** The loop with the fewest connections. */
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
   * The same loop for all connections from the same address, whatever their port. Peers of a unix
   * socket usually have no address: they all get the same loop.
   */
  static LoadBalancing sourceHash() {
    return (peer, loops, connections) -> {
      Object source = peer instanceof InetSocketAddress inet ? inet.getAddress() : peer;
      int hash = Objects.hashCode(source) * 0x9E3779B9; // Fibonacci hashing: neighbours spread out
      return Math.floorMod(hash ^ (hash >>> 16), loops);
    };
  }
}
