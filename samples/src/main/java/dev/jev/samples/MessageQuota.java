package dev.jev.samples;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;

/**
 * A user-defined plugin: counts the messages per client address, and closes the connections that
 * exceed the quota of their address.
 */
final class MessageQuota implements Plugin {

  /** Maximum number of addresses with a counter; connections of further ones count alone. */
  static final int MAX_ADDRESSES = 1_000;

  private final Map<String, LongAdder> messages = new ConcurrentSkipListMap<>();
  private final long maxMessages;

  MessageQuota(long maxMessages) {
    this.maxMessages = maxMessages;
  }

  @Override
  public Observer install(Link link) {
    return new Observer() {
      private LongAdder count = new LongAdder();

      @Override
      public void connected() {
        String address = address(link);
        if (messages.containsKey(address) || messages.size() < MAX_ADDRESSES) {
          count = messages.computeIfAbsent(address, unknown -> count);
        }
      }

      @Override
      public void message(int bytes) {
        count.increment();
        if (count.sum() > maxMessages) {
          link.close(new CloseReason(CloseReason.Kind.LIMIT, null));
        }
      }
    };
  }

  private static String address(Link link) {
    return link.connection().remoteAddress() instanceof InetSocketAddress peer
        ? peer.getAddress().getHostAddress()
        : "local";
  }

  /** Returns the number of messages per address, as one line. */
  String report() {
    return messages.entrySet().stream()
        .map(entry -> entry.getKey() + ": " + entry.getValue() + " messages")
        .collect(Collectors.joining(", "));
  }
}
