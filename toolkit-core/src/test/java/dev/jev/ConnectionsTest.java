package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.plugin.Diagnostics;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Listing, finding and closing the connections of a running server. */
class ConnectionsTest {

  private final Server.Builder<String, String> builder =
      Server.builder(Texts::new, (Connection<String> c, String text) -> c.send(text))
          .listen("tcp://127.0.0.1:0")
          .eventLoops(2);
  private final List<RawPeer> peers = new ArrayList<>();
  private Server server;

  @AfterEach
  void stop() throws Exception {
    for (RawPeer peer : peers) {
      peer.close();
    }
    server.close();
  }

  private RawPeer connect() throws Exception {
    RawPeer peer = RawPeer.connect(server);
    peers.add(peer);
    assertThat(peer.send("hello").receive()).isEqualTo("hello");
    return peer;
  }

  private static <T> T get(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(10, TimeUnit.SECONDS);
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void allConnectionsOfAllLoopsAreListed(Transport transport) throws Exception {
    server = builder.transport(transport).start();
    for (int i = 0; i < 5; i++) {
      connect();
    }
    List<ConnectionInfo> all = get(server.connections().list());
    assertThat(all).hasSize(5).extracting(ConnectionInfo::remoteAddress).doesNotHaveDuplicates();
    assertThat(all)
        .allSatisfy(
            info -> {
              assertThat(info.state()).isEqualTo(ConnectionInfo.State.OPEN);
              assertThat(info.protocol()).isEqualTo("Texts");
              assertThat(info.listener()).isEqualTo(server.addresses().get(0));
              assertThat(info.localAddress()).isEqualTo(info.connection().localAddress());
              assertThat(((InetSocketAddress) info.remoteAddress()).getPort()).isPositive();
              assertThat(info.age()).isBetween(Duration.ZERO, Duration.ofMinutes(1));
              assertThat(info.pendingBytes()).isZero();
              assertThat(info.bufferedBytes()).isZero();
              assertThat(info.counters()).isNull();
            });
  }

  @Test
  void countersAreThoseOfAPlugin() throws Exception {
    server = builder.plugin(Diagnostics.create()).start();
    RawPeer peer = connect();
    peer.send("a", "b");
    peer.receive();
    peer.receive();
    assertThat(get(server.connections().list()))
        .extracting(ConnectionInfo::counters)
        .containsExactly(new ConnectionInfo.Counters(3, 3, 19, 19));
  }

  @Test
  void protocolIsTheOneThatIsMapped() throws Exception {
    server =
        Server.builder(
                () ->
                    new Texts()
                        .map(text -> text, (String text) -> text)
                        .map(t -> t, (String t) -> t),
                (Connection<String> c, String text) -> c.send(text))
            .listen("tcp://127.0.0.1:0")
            .start();
    connect();
    assertThat(get(server.connections().list()))
        .extracting(ConnectionInfo::protocol)
        .containsExactly("Texts");
  }

  @Test
  void onlyTheOnesThatAreFoundAreClosed() throws Exception {
    server = builder.start();
    RawPeer first = connect();
    RawPeer second = connect();
    int port = first.socket().getLocalPort();
    assertThat(
            get(
                server
                    .connections()
                    .close(info -> ((InetSocketAddress) info.remoteAddress()).getPort() == port)))
        .isEqualTo(1);
    first.expectEndAndClose();
    assertThat(second.send("still").receive()).isEqualTo("still");
  }

  @Test
  void aFilterThatThrowsFailsTheStage() throws Exception {
    server = builder.start();
    connect();
    CompletionStage<List<ConnectionInfo>> found =
        server
            .connections()
            .find(
                info -> {
                  throw new IllegalStateException("no");
                });
    assertThatThrownBy(() -> found.toCompletableFuture().join())
        .isInstanceOf(CompletionException.class)
        .hasRootCauseMessage("no");
  }

  @Test
  void aBlockedLoopDelaysTheAnswer() throws Exception {
    CountDownLatch released = new CountDownLatch(1);
    server = builder.eventLoops(1).start();
    connect();
    get(server.connections().list()).get(0).connection().execute(() -> await(released));
    CompletionStage<List<ConnectionInfo>> all = server.connections().list();
    assertThat(all.toCompletableFuture().isDone()).isFalse();
    released.countDown();
    assertThat(get(all)).hasSize(1);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aStoppedServerHasNone() throws Exception {
    server = builder.start();
    connect();
    server.close();
    assertThat(get(server.connections().list())).isEmpty();
    assertThat(get(server.connections().close(info -> true))).isZero();
  }

  @Test
  void loopServesItsConnectionsWhileItDescribesThem() throws Exception {
    server = builder.eventLoops(1).start();
    for (int i = 0; i < 600; i++) {
      peers.add(RawPeer.connect(server));
    }
    Eventually.holds("600 connections", () -> get(server.connections().list()).size() == 600);
    AtomicInteger described = new AtomicInteger();
    AtomicInteger before = new AtomicInteger();
    List<ConnectionInfo> all =
        get(
            server
                .connections()
                .find(
                    info -> {
                      if (described.incrementAndGet() == 1) {
                        info.connection().execute(() -> before.set(described.get()));
                      }
                      return true;
                    }));
    assertThat(all).hasSize(600);
    assertThat(before.get()).as("described before other work").isBetween(1, 300);
  }
}
