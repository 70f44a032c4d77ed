package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.RefusedException;
import dev.jev.nodes.Backplane.Retention;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Presence.Member;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class InProcessBackplaneTest {

  private static final Duration AGE = Duration.ofMinutes(1);

  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1000);
  private final Backplane engine = new InProcessBackplane(nanos::get);
  private final Listener listener = new Listener();
  private final Session session = get(engine.open("a", listener));

  private static <T> T get(CompletionStage<T> stage) {
    return stage.toCompletableFuture().join();
  }

  private static Channel log(String topic, int messages, long bytes) {
    return new Channel(topic, new Retention(Kind.LOG, messages, bytes, AGE));
  }

  private void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
  }

  private void publish(Channel channel, int count) {
    for (int i = 0; i < count; i++) {
      get(session.publish(channel, new byte[100], null));
    }
  }

  private List<Record> records(Channel channel) {
    return get(session.read(channel, null, Integer.MAX_VALUE)).records();
  }

  @TestFactory
  Stream<DynamicTest> keepsTheContract() {
    return BackplaneContract.of(Backplane::inProcess).tests();
  }

  @Test
  void exactlyTheNewestRecordsAreKept() {
    publish(log("a", 3, 1_000_000), 5);
    assertThat(records(log("a", 3, 1_000_000))).hasSize(3);
  }

  @Test
  void recordsAreDeletedAboveTheirMaximumSizeExceptTheLast() {
    publish(log("a", 100, 450), 10);
    assertThat(records(log("a", 100, 450))).hasSize(4);
    publish(log("b", 100, 50), 10);
    assertThat(records(log("b", 100, 50))).hasSize(1);
  }

  @Test
  void theAgeIsThatOfTheLastPublication() {
    Channel channel = log("a", 10, 1_000_000);
    publish(channel, 1);
    pass(AGE.minusNanos(1));
    publish(channel, 1);
    pass(AGE.minusNanos(1));
    assertThat(records(channel)).hasSize(2);
    pass(Duration.ofNanos(1));
    assertThat(records(channel)).isEmpty();
  }

  @Test
  void idsOfTwoEnginesDiffer() {
    try (Backplane other = Backplane.inProcess()) {
      Session elsewhere = get(other.open("a", listener));
      Channel channel = log("a", 10, 1_000_000);
      String id = get(session.read(channel, null, 0)).end();
      Slice slice = get(elsewhere.read(channel, Position.after(id), 1));
      assertThat(slice.continuous()).isFalse();
      assertThat(slice.end()).isNotEqualTo(id);
    }
  }

  @Test
  void anIdleTopicKeepsItsEndForSevenDaysAndIsForgottenThen() {
    Channel channel = log("a", 10, 1_000_000);
    publish(channel, 1);
    String end = get(session.read(channel, null, 0)).end();
    pass(Duration.ofDays(7).minusNanos(1));
    get(session.renew(AGE));
    assertThat(get(session.read(channel, Position.after(end), 1)).continuous()).isTrue();
    pass(Duration.ofDays(7));
    get(session.renew(AGE));
    assertThat(get(session.read(channel, Position.after(end), 1)).continuous()).isFalse();
  }

  @Test
  void aTopicThatANodeListensToIsNotForgotten() {
    Channel channel = log("a", 10, 1_000_000);
    publish(channel, 1);
    String end = get(session.read(channel, null, 0)).end();
    get(session.listen(List.of(channel)));
    pass(Duration.ofDays(30));
    get(session.renew(AGE));
    assertThat(get(session.read(channel, null, 0)).end()).isEqualTo(end);
    session.unlisten(List.of(channel));
    pass(Duration.ofDays(7));
    get(session.renew(AGE));
    assertThat(get(session.read(channel, null, 0)).end()).isNotEqualTo(end);
  }

  @Test
  void topicsWithoutRecordsAreForgottenWhenNoNodeListens() {
    Channel first = log("first", 10, 1_000_000);
    String end = get(session.read(first, null, 0)).end();
    for (int i = 0; i < 1_000; i++) { // as clients do that subscribe to names that they make up
      Channel channel = log("a" + i, 10, 1_000_000);
      get(session.listen(List.of(channel)));
      session.unlisten(List.of(channel));
    }
    assertThat(topicCount()).isLessThan(10);
    assertThat(get(session.read(first, Position.after(end), 1)).continuous()).isTrue();
  }

  @Test
  void topicWithRecordsThatWasForgottenBeginsElsewhere() {
    Channel channel = log("a", 10, 1_000_000);
    String beginning = get(session.read(channel, null, 0)).end();
    publish(channel, 1);
    pass(Duration.ofDays(8));
    get(session.renew(AGE)); // ends a round over the topics that began before
    get(session.renew(AGE));
    assertThat(topicCount()).isZero();
    assertThat(get(session.read(channel, Position.after(beginning), 1)).continuous()).isFalse();
  }

  private int topicCount() {
    return ((InProcessBackplane) engine).topicCount();
  }

  @Test
  void oldTopicsAreForgottenWhileOthersAreCreated() {
    Map<Channel, String> ends = new HashMap<>();
    for (int day = 0; day < 100; day++) {
      for (int i = 0; i < 10; i++) {
        Channel channel = log("a" + day + "." + i, 10, 1_000_000);
        ends.put(channel, get(session.publish(channel, new byte[20], null)).id());
      }
      pass(Duration.ofDays(1));
    }
    assertThat(ends).hasSize(1000);
    ends.entrySet()
        .removeIf(each -> !get(session.read(each.getKey(), null, 0)).end().equals(each.getValue()));
    assertThat(ends).hasSizeBetween(60, 200);
  }

  @Test
  void aReceiverThatFailsAffectsNoOther() {
    Channel channel = log("a", 10, 1_000_000);
    Session other = get(engine.open("b", new Listener()));
    get(session.listen(List.of(channel)));
    get(other.listen(List.of(channel)));
    listener.fails = true;
    publish(channel, 1);
    listener.fails = false;
    publish(channel, 1);
    assertThat(listener.records).isEqualTo(1);
    assertThat(records(channel)).hasSize(2);
  }

  @Test
  void aNodeWithoutALeaseHasNoMembers() {
    assertThatThrownBy(() -> get(session.present("a", new Member("m", ""), 1)))
        .hasCauseInstanceOf(IllegalStateException.class)
        .hasMessageContaining("node a has no lease");
  }

  @Test
  void theLeaseEndsByTheClock() {
    Session other = get(engine.open("b", listener));
    get(session.renew(AGE));
    pass(AGE.minusNanos(1));
    assertThat(get(other.renew(AGE)).alive()).containsExactly("a", "b");
    pass(Duration.ofNanos(1));
    assertThat(get(other.renew(AGE)).alive()).containsExactly("b");
    assertThat(get(session.renew(AGE)).lapsed()).isTrue();
  }

  @Test
  void aLateRenewalHasNotLapsedWhileTheNodeIsStillInItsRosters() {
    get(session.renew(AGE));
    pass(AGE.multipliedBy(2));
    assertThat(get(session.renew(AGE)).lapsed()).isFalse();
  }

  @Test
  void versionsNeverGoBackWhenATopicHasNoMembersAndIsNotWatched() {
    get(session.renew(AGE));
    for (int i = 0; i < 3; i++) {
      get(session.present("a", new Member("m", ""), 1));
      get(session.present("a", new Member("m", ""), 0));
    }
    assertThat(get(session.watch("a")).version()).isEqualTo(6);
  }

  @Test
  void theInfoOfTheFirstConnectionCounts() {
    get(session.renew(AGE));
    get(session.present("a", new Member("m", "first"), 1));
    get(session.present("a", new Member("m", "second"), 2));
    assertThat(get(session.watch("a")).connections()).containsOnlyKeys(new Member("m", "first"));
  }

  @Test
  void aNameCanBeOpenOnce() {
    assertThatThrownBy(() -> get(engine.open("a", listener)))
        .hasCauseInstanceOf(IllegalStateException.class)
        .hasMessageContaining("node a is open already");
    get(session.close(Duration.ZERO));
    assertThat(get(engine.open("a", listener))).isNotNull();
  }

  @Test
  void aClosedEngineRefusesEverything() {
    engine.close();
    Channel channel = log("a", 10, 1_000_000);
    assertThatThrownBy(() -> get(session.publish(channel, new byte[20], null)))
        .hasCauseInstanceOf(RefusedException.class)
        .hasMessageContaining("session of node a closed");
    assertThatThrownBy(() -> get(session.listen(List.of(channel))))
        .hasCauseInstanceOf(RefusedException.class);
    assertThatThrownBy(() -> get(engine.open("b", listener))).hasMessageContaining("engine closed");
    session.unwatch("a");
  }

  /** A receiver that counts. */
  private static final class Listener implements Backplane.Receiver {

    private boolean fails;
    private int records;
    private final List<String> changes = new ArrayList<>();

    @Override
    public void record(Channel channel, Record record) {
      if (fails) {
        throw new IllegalStateException("planted");
      }
      records++;
    }

    @Override
    public void presence(String topic, long version, Presence.Change change) {
      changes.add(version + " " + change);
    }

    @Override
    public void interrupted(Collection<Channel> channels) {}

    @Override
    public void command(String from, byte[] bytes) {}

    @Override
    public void reachable(@Nullable Throwable failure) {}
  }
}
