package dev.jev;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The connections of one endpoint, which each event loop describes itself. */
final class EndpointConnections implements Connections {

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
    CompletableFuture<List<ConnectionInfo>> found = new CompletableFuture<>();
    try {
      loop.executor()
          .execute(
              () -> {
                try {
                  found.complete(findOnLoop(loop, filter));
                } catch (Throwable t) {
                  found.completeExceptionally(t);
                }
              });
    } catch (RejectedExecutionException e) { // the event loop has ended, and its connections too
      found.complete(List.of());
    }
    return found;
  }

  private List<ConnectionInfo> findOnLoop(Loop loop, Predicate<? super ConnectionInfo> filter) {
    List<ConnectionInfo> found = new ArrayList<>();
    loop.forEach(
        member -> {
          if (member.host() == endpoint && member instanceof StreamConnection<?, ?> connection) {
            ConnectionInfo info = describe(connection);
            if (filter.test(info)) {
              found.add(info);
            }
          }
        });
    return found;
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
