package dev.jev;

import dev.jev.CloseReason.Kind;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/**
 * The figures of a server since its start, see {@link Server#stats}. Datagrams are not counted.
 *
 * @param opened the number of connections that were opened
 * @param closed the number of open connections that were closed, by reason; only reasons that
 *     occurred
 * @param refused the number of connections that were closed before their handshakes were complete,
 *     by reason; only reasons that occurred
 * @param messagesReceived the number of messages that were delivered to the handler
 * @param messagesSent the number of messages that were packed
 * @param bytesReceived the number of bytes before they are unpacked, after decryption
 * @param bytesSent the number of bytes that were packed, before encryption
 */
public record ServerStats(
    long opened,
    Map<Kind, Long> closed,
    Map<Kind, Long> refused,
    long messagesReceived,
    long messagesSent,
    long bytesReceived,
    long bytesSent) {

  /** Copies the maps. */
  public ServerStats {
    closed = copy(closed);
    refused = copy(refused);
  }

  private static Map<Kind, Long> copy(Map<Kind, Long> counts) {
    Map<Kind, Long> copy = new EnumMap<>(Kind.class); // in the order of the kinds
    copy.putAll(counts);
    return Collections.unmodifiableMap(copy);
  }

  /** Returns the number of connections that are open. */
  public long connections() {
    return opened - closed.values().stream().mapToLong(Long::longValue).sum();
  }

  /** A plugin that counts, such as {@link dev.jev.plugin.Diagnostics}. */
  public interface Source {

    /** Returns the figures of a server. Called by any thread. */
    ServerStats stats(PluginHost host);
  }
}
