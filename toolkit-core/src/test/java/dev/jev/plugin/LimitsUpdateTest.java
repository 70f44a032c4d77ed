package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.plugin.Limits.RateLimitAction;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** {@link Limits#update}. */
class LimitsUpdateTest {

  private final Recorder<String, String> recorder = new Recorder<>(Connection::send);

  @AfterEach
  void nothingIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  private Server start(Limits limits) {
    return Server.builder(Texts::new, recorder)
        .plugin(limits)
        .eventLoops(1)
        .listen("tcp://127.0.0.1:0")
        .start();
  }

  @Test
  void lowerNumberOfConnectionsHoldsForTheNextOne() throws Exception {
    Limits limits = Limits.builder().connectionsPerAddress(2).build();
    try (Server server = start(limits);
        RawPeer first = RawPeer.connect(server);
        RawPeer second = RawPeer.connect(server)) {
      assertThat(first.send("1").receive()).isEqualTo("1");
      assertThat(second.send("2").receive()).isEqualTo("2");
      limits.update(change -> change.connectionsPerAddress(1));
      RawPeer.connect(server).expectEnd();
      assertThat(first.send("1").receive()).isEqualTo("1");
      second.socket().close();
      Eventually.holds("one is left", () -> server.connectionCount() == 1);
      RawPeer.connect(server).expectEnd();
      limits.update(change -> change.connectionsPerAddress(3));
      try (RawPeer third = RawPeer.connect(server)) {
        assertThat(third.send("3").receive()).isEqualTo("3");
      }
      assertThat(limits.refused()).isEqualTo(2);
    }
    assertThat(limits.networkCount()).isZero();
  }

  @Test
  void newSubnetCountsTheConnectionsOpenedAfterwards() throws Exception {
    Limits limits = Limits.builder().connectionsPerAddress(10).build();
    try (Server server = start(limits);
        RawPeer first = RawPeer.connect(server)) {
      assertThat(first.send("1").receive()).isEqualTo("1");
      limits.update(change -> change.connectionsPerSubnet(1, 24, 64));
      try (RawPeer second = RawPeer.connect(server)) {
        assertThat(second.send("2").receive()).isEqualTo("2");
        first.socket().close();
        Eventually.holds("one is left", () -> server.connectionCount() == 1);
        RawPeer.connect(server).expectEnd(); // the second one still counts
      }
    }
    assertThat(limits.networkCount()).isZero();
  }

  @Test
  void lowerRateHoldsForTheNextMessage() throws Exception {
    Limits limits =
        Limits.builder().messageRate(1_000, 1_000).onRateExceeded(RateLimitAction.CLOSE).build();
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("1", "2", "3").receive()).isEqualTo("1");
      assertThat(peer.receive()).isEqualTo("2");
      assertThat(peer.receive()).isEqualTo("3");
      limits.update(change -> change.messageRate(1, 1));
      peer.send("4", "5", "6");
      recorder.await("close " + Kind.LIMIT);
      Eventually.holds("the close is counted", () -> limits.closed() == 1);
    }
  }

  @Test
  void actionHoldsForTheNextMessage() throws Exception {
    Limits limits =
        Limits.builder().messageRate(1, 1).onRateExceeded(RateLimitAction.DELAY).build();
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("1", "2").receive()).isEqualTo("1");
      limits.update(change -> change.onRateExceeded(RateLimitAction.CLOSE));
      peer.send("3", "4", "5");
      recorder.await("close " + Kind.LIMIT);
    }
  }

  @Test
  void higherAcceptRateLetsWaitingConnectionsIn() throws Exception {
    Limits limits = Limits.builder().acceptRate(1, 1).build();
    List<RawPeer> peers = new ArrayList<>();
    try (Server server = start(limits)) {
      for (int i = 0; i < 60; i++) { // a minute
        peers.add(RawPeer.connect(server));
      }
      limits.update(change -> change.acceptRate(10_000, 10_000));
      Eventually.holds("all are accepted", () -> server.connectionCount() == 60);
    } finally {
      for (RawPeer peer : peers) {
        peer.close();
      }
    }
  }

  @Test
  void limitThatWasOffHoldsForLaterConnections() throws Exception {
    Limits limits = Limits.builder().onRateExceeded(RateLimitAction.CLOSE).build();
    try (Server server = start(limits);
        RawPeer before = RawPeer.connect(server)) {
      assertThat(before.send("1").receive()).isEqualTo("1");
      limits.update(change -> change.messageRate(1, 1).bufferBudget(1_000_000));
      assertThat(before.send("2", "3").receive()).isEqualTo("2");
      assertThat(before.receive()).isEqualTo("3");
      try (RawPeer later = RawPeer.connect(server)) {
        later.send("4", "5", "6");
        recorder.await("close " + Kind.LIMIT);
      }
    }
  }

  @Test
  void changeThatFailsChangesNothing() throws Exception {
    Limits limits =
        Limits.builder().messageRate(1_000, 1_000).onRateExceeded(RateLimitAction.CLOSE).build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> limits.update(change -> change.messageRate(1, 1).byteRate(0, 1)))
        .withMessage("perSecond: 0 (expected: 1..1073741824)");
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server)) {
      for (int i = 0; i < 5; i++) {
        assertThat(peer.send("again").receive()).isEqualTo("again");
      }
    }
  }

  @Test
  void budgetHoldsForTheNextRead() {
    BufferBudget budget = new BufferBudget(1_000);
    budget.change(0, 900);
    assertThat(budget.shouldPause(900)).isTrue();
    budget.limit(2_000);
    assertThat(budget.shouldPause(900)).isFalse();
    budget.limit(500);
    assertThat(budget.shouldClose(900)).isTrue();
  }
}
