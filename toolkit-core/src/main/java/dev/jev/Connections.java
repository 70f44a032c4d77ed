package dev.jev;

import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.function.Predicate;

/**
 * The open connections of a server or client, to look into it while it runs.
 *
 * <pre>
 *   server.connections().close(info -&gt; info.pendingBytes() &gt; 1_000_000)
 *       .thenAccept(count -&gt; log("closed " + count));
 * </pre>
 *
 * <p>Each event loop describes its own connections, which takes about a microsecond per connection,
 * and serves them in between. A connection that opens or closes meanwhile may be missing. Datagrams
 * have no connections here.
 *
 * <p><b>Threads.</b> All methods may be called from any thread, and return at once. The stages that
 * they return complete on an event loop when all event loops have answered; a blocked one delays
 * them. A filter is called on the event loops, concurrently, and must not block; if it throws, the
 * stage completes with its exception.
 */
public interface Connections {

  /** Returns all connections, in no particular order. */
  default CompletionStage<List<ConnectionInfo>> list() {
    return find(connection -> true);
  }

  /** Returns the connections for which a filter returns true, in no particular order. */
  CompletionStage<List<ConnectionInfo>> find(Predicate<? super ConnectionInfo> filter);

  /**
   * Closes the connections for which a filter returns true, like {@link Connection#close}, and
   * returns their number. The stage completes when the closes have begun.
   */
  CompletionStage<Integer> close(Predicate<? super ConnectionInfo> filter);
}
