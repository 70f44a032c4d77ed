package dev.jev.samples;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;

/**
 * A plugin as anybody could write it: counts the messages of each address, and closes the
 * connections of one that has sent too many.
 */
final class MessageQuota implements Plugin {

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
        count = messages.computeIfAbsent(address(link), unknown -> count);
      }

      @Override
      public void message() {
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

  /** How many messages each address has sent. */
  String report() {
    return messages.entrySet().stream()
        .map(entry -> entry.getKey() + ": " + entry.getValue() + " messages")
        .collect(Collectors.joining(", "));
  }
}
