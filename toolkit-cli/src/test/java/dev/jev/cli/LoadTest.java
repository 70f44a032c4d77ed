package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.test.InMemoryConnection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Connections that close under load. */
@Timeout(60)
class LoadTest {

  private static Load<String, String> load() {
    return new Load<>(new Shouting(), "hi".getBytes(UTF_8), /* depth= */ 0);
  }

  private static List<InMemoryConnection<String, String>> start(
      Load<String, String> load, int count) {
    List<InMemoryConnection<String, String>> connections =
        Stream.generate(() -> InMemoryConnection.to(load).open()).limit(count).toList();
    load.start();
    return connections;
  }

  @Test
  void connectionsMayCloseWhileMessagesAreSent() throws Exception {
    for (int round = 0; round < 5_000; round++) {
      Load<String, String> load = load();
      List<InMemoryConnection<String, String>> connections = start(load, 4);
      CountDownLatch begun = new CountDownLatch(10);
      AtomicBoolean ended = new AtomicBoolean();
      CompletableFuture<Void> sending =
          CompletableFuture.runAsync(
              () -> {
                while (!ended.get()) {
                  load.send(System.nanoTime());
                  begun.countDown();
                }
              });
      begun.await();
      connections.stream().skip(1).forEach(InMemoryConnection::close);
      ended.set(true);
      sending.get(30, TimeUnit.SECONDS);
    }
  }

  @Test
  void messagesGoToOpenConnections() {
    Load<String, String> load = load();
    List<InMemoryConnection<String, String>> connections = start(load, 3);
    connections.get(1).close();
    connections.get(1).run();
    for (int i = 0; i < 10; i++) {
      load.send(i);
    }
    assertThat(connections.get(0).sent()).hasSize(5);
    assertThat(connections.get(2).sent()).hasSize(5);
  }

  @Test
  void nothingIsSentWhenAllConnectionsHaveClosed() {
    Load<String, String> load = load();
    start(load, 2).forEach(connection -> connection.close("enough"));
    assertThatThrownBy(() -> load.send(0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("all connections have closed: CLOSED: enough");
  }
}
