package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.jev.CloseReason;
import dev.jev.Eventually;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.ServerStats;
import dev.jev.Texts;
import dev.jev.Transport;
import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The figures of a server, without a library for metrics. */
class ServerStatsTest {

  private @Nullable Server server;

  private static Server.Builder<String, String> echo() {
    return Server.<String, String>builder(
            Texts::new,
            (connection, text) -> {
              if (text.equals("quota")) {
                connection.close(CloseReason.of(CloseReason.Kind.LIMIT, "quota"));
              } else {
                connection.send(text);
              }
            })
        .listen("tcp://127.0.0.1:0")
        .eventLoops(2);
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void connectionsMessagesAndBytesAreCounted(Transport transport) throws Exception {
    server = echo().transport(transport).plugin(Diagnostics.create()).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("hello", "you");
      assertThat(peer.receive()).isEqualTo("hello");
      assertThat(peer.receive()).isEqualTo("you");
      Eventually.holds("both are counted", () -> server.stats().messagesReceived() == 2);
      assertThat(server.stats().connections()).isEqualTo(1);
      peer.send("quota").expectEnd();
    }
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("x").receive()).isEqualTo("x");
    }
    Eventually.holds("all closed", () -> server.stats().closed().size() == 2);
    ServerStats stats = server.stats();
    assertThat(stats)
        .isEqualTo(
            new ServerStats(
                2,
                Map.of(CloseReason.Kind.LIMIT, 1L, CloseReason.Kind.PEER_CLOSED, 1L),
                Map.of(),
                /* messagesReceived= */ 4,
                /* messagesSent= */ 3,
                /* bytesReceived= */ 9 + 7 + 9 + 5,
                /* bytesSent= */ 9 + 7 + 5));
    assertThat(stats.connections()).isZero();
    server.close();
    assertThat(server.stats()).isEqualTo(stats);
  }

  @Test
  void refusalsAreCountedByReason() throws Exception {
    server = echo().maxConnections(1).plugin(Diagnostics.create()).start();
    try (RawPeer first = RawPeer.connect(server)) {
      assertThat(first.send("in").receive()).isEqualTo("in");
      try (RawPeer second = RawPeer.connect(server)) {
        assertThat(second.read()).isEqualTo(-1);
      } catch (IOException e) {
        // reset
      }
      Eventually.holds("it is counted", () -> !server.stats().refused().isEmpty());
      assertThat(server.stats().refused()).isEqualTo(Map.of(CloseReason.Kind.LIMIT, 1L));
      assertThat(server.stats().connections()).isEqualTo(1);
    }
  }

  @Test
  void serversThatShareAPluginHaveFiguresOfTheirOwn() throws Exception {
    Diagnostics diagnostics = Diagnostics.create();
    server = echo().plugin(diagnostics).start();
    try (Server other = echo().plugin(diagnostics).start();
        RawPeer peer = RawPeer.connect(other)) {
      assertThat(peer.send("x").receive()).isEqualTo("x");
      assertThat(other.stats().opened()).isEqualTo(1);
      assertThat(server.stats().opened()).isZero();
    }
  }

  @Test
  void withoutAPluginThatCountsThereAreNoFigures() {
    server = echo().start();
    assertThatIllegalStateException()
        .isThrownBy(server::stats)
        .withMessage("stats: no plugin counts (expected: Diagnostics among the plugins)");
  }
}
