package dev.jev;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The connections of one endpoint, which each event loop describes itself. */
final class EndpointConnections implements Connections {

  /** Number of connections that one task describes: a few hundred microseconds. */
  private static final int DESCRIBED_AT_ONCE = 256;

  private final Endpoint endpoint;

  EndpointConnections(Endpoint endpoint) {
    this.endpoint = endpoint;
  }

  @Override
  public CompletionStage<List<ConnectionInfo>> find(Predicate<? super ConnectionInfo> filter) {
    CompletableFuture<List<ConnectionInfo>> all = CompletableFuture.completedFuture(List.of());
    for (Loop loop : endpoint.eventLoops().loops()) {
      all = all.thenCombine(find(loop, filter), EndpointConnections::concat);
    }
    return all.minimalCompletionStage();
  }

  @Override
  public CompletionStage<Integer> close(Predicate<? super ConnectionInfo> filter) {
    return find(info -> info.state() != ConnectionInfo.State.CLOSING && filter.test(info))
        .thenApply(
            found -> {
              found.forEach(info -> info.connection().close());
              return found.size();
            });
  }

  private CompletableFuture<List<ConnectionInfo>> find(
      Loop loop, Predicate<? super ConnectionInfo> filter) {
    Search search = new Search(loop, filter);
    try {
      loop.executor().execute(search::begin);
    } catch (RejectedExecutionException e) { // the event loop has ended, and its connections too
      search.result.complete(List.of());
    }
    return search.result;
  }

  /** A search on one event loop, in tasks that leave time for the connections. */
  private final class Search {

    private final Loop loop;
    private final Predicate<? super ConnectionInfo> filter;
    private final CompletableFuture<List<ConnectionInfo>> result = new CompletableFuture<>();

    // Event loop only.
    private final Deque<StreamConnection<?, ?>> unseen = new ArrayDeque<>();
    private final List<ConnectionInfo> found = new ArrayList<>();

    Search(Loop loop, Predicate<? super ConnectionInfo> filter) {
      this.loop = loop;
      this.filter = filter;
    }

    void begin() {
      loop.forEach(
          member -> {
            if (member.host() == endpoint && member instanceof StreamConnection<?, ?> connection) {
              unseen.add(connection);
            }
          });
      goOn();
    }

    private void goOn() {
      try {
        for (int i = 0; i < DESCRIBED_AT_ONCE && !unseen.isEmpty(); i++) {
          StreamConnection<?, ?> connection = unseen.remove();
          if (!connection.isClosed()) {
            add(describe(connection));
          }
        }
        if (unseen.isEmpty()) {
          result.complete(found);
        } else { // after the input that has arrived
          loop.executor().schedule(this::goOn, 0, TimeUnit.NANOSECONDS);
        }
      } catch (RejectedExecutionException e) { // the event loop ends, and its connections too
        result.complete(found);
      } catch (Throwable t) {
        result.completeExceptionally(t);
      }
    }

    private void add(ConnectionInfo info) {
      if (filter.test(info)) {
        found.add(info);
      }
    }
  }

  private static ConnectionInfo describe(StreamConnection<?, ?> connection) {
    ConnectionInfo.@Nullable CounterSource counters =
        connection.attribute(ConnectionInfo.CounterSource.class);
    return new ConnectionInfo(
        connection,
        state(connection.lifecycle()),
        connection.driver().protocolName(),
        connection.listener(),
        connection.localAddress(),
        connection.remoteAddress(),
        connection.age(),
        connection.pendingBytes(),
        connection.bufferedBytes(),
        counters == null ? null : counters.counters());
  }

  private static ConnectionInfo.State state(ConnectionLifecycle lifecycle) {
    if (lifecycle.isClosing() || lifecycle.isCloseRequested()) {
      return ConnectionInfo.State.CLOSING;
    }
    return lifecycle.isOpening() ? ConnectionInfo.State.OPENING : ConnectionInfo.State.OPEN;
  }

  private static List<ConnectionInfo> concat(
      List<ConnectionInfo> first, List<ConnectionInfo> second) {
    List<ConnectionInfo> both = new ArrayList<>(first);
    both.addAll(second);
    return both;
  }
}
