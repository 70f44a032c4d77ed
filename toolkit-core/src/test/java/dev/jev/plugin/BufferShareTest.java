package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import io.netty.channel.Channel;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Tests the share of a connection in the budget, with a clock of the test. */
class BufferShareTest {

  private static final long MILLIS = Duration.ofMillis(1).toNanos();
  private static final long SECONDS = Duration.ofSeconds(1).toNanos();

  private final SlowChannel channel = new SlowChannel();
  private final BufferBudget budget = new BufferBudget(1_000);

  /** A connection without a network. */
  private final class Peer implements LimitContext {

    final FakeLink link = new FakeLink(channel);
    final BufferShare share = new BufferShare(this, budget);

    @Override
    public Plugin.Link link() {
      return link;
    }

    @Override
    public Channel channel() {
      return channel;
    }

    @Override
    public void pauseReading() {
      link.pauseReading();
    }

    @Override
    public void resumeReading() {
      link.resumeReading();
    }

    @Override
    public void close(CloseReason.Kind kind, String limit, String message) {
      throw new AssertionError("not expected of the budget: close");
    }

    @Override
    public void abort(CloseReason.Kind kind, String limit, String message) {
      link.events.add(kind + " " + message);
      share.closed();
    }

    void reads(long buffered) {
      link.bufferedBytes = buffered;
      share.readComplete();
    }
  }

  @Test
  void readIsCountedAtOnce() {
    Peer peer = new Peer();
    peer.reads(700);
    assertThat(budget.total()).isEqualTo(700);
    peer.reads(0);
    assertThat(budget.total()).isZero();
  }

  @Test
  void shareWithoutBytesLeavesTheWheel() {
    Peer peer = new Peer();
    peer.reads(700);
    assertThat(peer.share.isScheduled()).isTrue();
    peer.link.bufferedBytes = 0;
    channel.pass(60 * MILLIS);
    assertThat(budget.total()).isZero();
    assertThat(peer.share.isScheduled()).isFalse();
    assertThat(channel.untilNextTimer()).isNegative();
  }

  @Test
  void shareThatDoesNotChangeIsCheckedEverySecond() {
    Peer peer = new Peer();
    peer.reads(700);
    channel.pass(60 * MILLIS); // unchanged
    peer.link.bufferedBytes = 600;
    channel.pass(900 * MILLIS);
    assertThat(budget.total()).isEqualTo(700);
    channel.pass(200 * MILLIS);
    assertThat(budget.total()).isEqualTo(600);
  }

  @Test
  void outputIsCountedSoonEvenIfTheShareWasUnchanged() {
    Peer peer = new Peer();
    peer.reads(700);
    channel.pass(60 * MILLIS);
    peer.share.checkSoon();
    peer.link.bufferedBytes = 750;
    channel.pass(60 * MILLIS);
    assertThat(budget.total()).isEqualTo(750);
  }

  @Test
  void pauseThatFreesNothingEndsInAClose() {
    Peer peer = new Peer();
    peer.reads(900);
    assertThat(peer.link.events).containsExactly("pause");
    channel.pass(10 * SECONDS - 100 * MILLIS);
    assertThat(peer.link.events).containsExactly("pause");
    channel.pass(200 * MILLIS);
    assertThat(peer.link.events)
        .containsExactly(
            "pause",
            "LIMIT 80 % of the buffer budget of 1000 bytes exceeded: 900 bytes buffered,"
                + " 900 of them by this connection, which has freed none of them for 10 s");
    assertThat(budget.total()).isZero();
    channel.pass(SECONDS);
    assertThat(peer.share.isScheduled()).isFalse();
  }

  @Test
  void pauseThatFreesSomethingGoesOn() {
    Peer peer = new Peer();
    peer.reads(900);
    for (int i = 1; i <= 9; i++) {
      channel.pass(9 * SECONDS);
      peer.link.bufferedBytes = 900L - i;
    }
    assertThat(peer.link.events).containsExactly("pause");
    peer.link.bufferedBytes = 800;
    channel.pass(60 * MILLIS);
    assertThat(peer.link.events).containsExactly("pause", "resume");
  }

  @Test
  void closedShareIsNotCountedAgain() {
    Peer peer = new Peer();
    peer.reads(700);
    peer.share.closed();
    peer.reads(800);
    peer.share.checkSoon();
    channel.pass(2 * SECONDS);
    assertThat(budget.total()).isZero();
    assertThat(peer.share.isScheduled()).isFalse();
  }
}
