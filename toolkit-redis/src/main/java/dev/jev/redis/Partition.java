package dev.jev.redis;

import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * A part of the topics, whose keys are on one master.
 *
 * <p>Fields are used by the loop of the node only, except where noted.
 */
final class Partition {

  final int number;

  /** The calls that wait until the partition is live. */
  final Queue<Call<?>> waiting = new ArrayDeque<>(0);

  /** The address of its master, or null while that is not known. */
  @Nullable String address;

  /** True if calls are sent. */
  boolean live;

  /** True if it was live before, so that records may have been missed. */
  boolean hasBeenLive;

  /** The generation of its connection, see enter.lua. */
  long generation;

  // Guarded by this.
  private @Nullable MasterLink link;

  Partition(int number) {
    this.number = number;
  }

  synchronized @Nullable MasterLink link() {
    return link;
  }

  /** Sets the connection whose messages are handed over; none of another one comes afterwards. */
  synchronized void link(@Nullable MasterLink next) {
    link = next;
  }

  /** Hands over a message, unless its connection has been replaced. Any thread. */
  synchronized void handOver(MasterLink from, Subscription subscription, byte[] message) {
    if (link == from) {
      subscription.receiver.accept(message);
    }
  }
}
