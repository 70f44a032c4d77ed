package dev.jev;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A topic with a slow subscriber. */
class SlowConsumerTest {

  /** Size of a queued text of three characters: its frame and the overhead. */
  private static final int WAITING_BYTES = 4 + 3 + 96;

  private final Recorder<String, String> recorder = Recorder.silent();
  private final List<SlowPeer<?>> peers = new ArrayList<>();
  private final Topic<String> topic = Topic.of("news");

  private SlowPeer<String> connect(OverflowPolicy overflow) {
    SlowPeer<String> peer = new SlowPeer<>(Texts::new, recorder, overflow);
    peers.add(peer);
    return peer;
  }

  /** A connection whose socket's buffer is full. */
  private SlowPeer<String> blocked() {
    SlowPeer<String> peer = connect(OverflowPolicy.CLOSE).block();
    fill(peer);
    return peer;
  }

  private static void fill(SlowPeer<String> peer) {
    peer.connection().send("x".repeat(SlowPeer.HIGH_MARK));
    peer.run();
    assertThat(peer.connection().isWritable()).isFalse();
  }

  /** The texts that arrive once the peer takes everything, except those that filled the socket. */
  private static List<String> rest(SlowPeer<String> peer) {
    List<String> texts = peer.unblock().texts();
    assertThat(texts.get(0)).isEqualTo("x".repeat(SlowPeer.HIGH_MARK));
    return texts.subList(1, texts.size());
  }

  private void publish(int from, int to) {
    for (int i = from; i < to; i++) {
      assertThat(topic.publish(Integer.toString(i))).isTrue();
    }
  }

  private static List<String> numbers(int from, int to) {
    List<String> numbers = new ArrayList<>();
    for (int i = from; i < to; i++) {
      numbers.add(Integer.toString(i));
    }
    return numbers;
  }

  @AfterEach
  void close() {
    peers.forEach(SlowPeer::close);
  }

  @Test
  void messagesWaitInOrderWithWhatIsSent() {
    SlowPeer<String> peer = blocked();
    Subscription subscription = topic.subscribe(peer.connection());
    publish(100, 103);
    peer.run();
    assertThat(subscription.pendingBytes()).isEqualTo(3 * WAITING_BYTES);
    assertThat(topic.pendingBytes()).isEqualTo(3 * WAITING_BYTES);
    assertThat(peer.connection().send("sent")).isTrue();
    publish(103, 105);
    peer.run();
    assertThat(rest(peer)).containsExactly("100", "101", "102", "sent", "103", "104");
    assertThat(subscription.pendingBytes()).isZero();
    assertThat(peer.connection().pendingBytes()).isZero();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(5, 5, 0, 0, 0));
  }

  @Test
  void tooManyBytesCloseTheConnectionByDefault() throws Exception {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.<String>close().maxBytes(1030));
    publish(100, 110); // 10 * 103
    peer.run();
    assertThat(subscription.isActive()).isTrue();
    publish(110, 111);
    peer.run();
    assertThat(subscription.isActive()).isFalse();
    recorder.expect("connect", "close OVERFLOW");
    assertThat(subscription.dropped()).isEqualTo(11);
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(11, 0, 11, 0, 1));
  }

  @Test
  void ageClosesTheConnectionWithoutAnotherMessage() throws Exception {
    SlowPeer<String> peer = blocked();
    topic.subscribe(peer.connection(), SlowConsumer.<String>close().maxAge(Duration.ofSeconds(7)));
    publish(100, 101);
    peer.run().pass(Duration.ofSeconds(3));
    publish(101, 102);
    peer.run().pass(Duration.ofMillis(3_999));
    recorder.expect("connect");
    recorder.expectNothingMore();
    peer.pass(Duration.ofMillis(1));
    recorder.expect("close OVERFLOW");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 0, 2, 0, 1));
  }

  @Test
  void ageCountsFromTheOldestMessageThatStillWaits() throws Exception {
    SlowPeer<String> peer = blocked();
    topic.subscribe(peer.connection(), SlowConsumer.<String>close().maxAge(Duration.ofSeconds(7)));
    for (int i = 100; i < 110; i++) {
      publish(i, i + 1);
      peer.run().pass(Duration.ofSeconds(6));
      assertThat(rest(peer)).containsExactly(Integer.toString(i));
      peer.block();
      fill(peer);
    }
    publish(110, 111);
    peer.run().pass(Duration.ofMillis(6_999));
    recorder.expect("connect", "writable");
    assertThat(peer.connection().isOpen()).isTrue();
    peer.pass(Duration.ofMillis(11)); // checked every 10 ms
    assertThat(peer.connection().isOpen()).isFalse();
  }

  private static SlowConsumer<String> closeAfter(int seconds) {
    return SlowConsumer.<String>close().maxAge(Duration.ofSeconds(seconds));
  }

  private void expectOverflowAfter(SlowPeer<String> peer, Duration time) throws Exception {
    peer.pass(time.minusMillis(1));
    recorder.expect("connect");
    recorder.expectNothingMore();
    peer.pass(Duration.ofMillis(1));
    recorder.expect("close OVERFLOW");
  }

  @Test
  void shorterAgeIsNotHiddenByALongerOneThatWasQueuedBefore() throws Exception {
    SlowPeer<String> peer = blocked();
    Topic<String> patient = Topic.of("patient");
    patient.subscribe(peer.connection(), closeAfter(20));
    topic.subscribe(peer.connection(), closeAfter(1));
    patient.publish("patient");
    peer.run().pass(Duration.ofSeconds(3));
    publish(100, 101);
    peer.run();
    expectOverflowAfter(peer, Duration.ofSeconds(1));
  }

  @Test
  void changeToCloseAppliesToWhatIsQueued() throws Exception {
    SlowPeer<String> peer = blocked();
    topic.subscribe(peer.connection(), SlowConsumer.dropNewest());
    publish(100, 101);
    peer.run().pass(Duration.ofSeconds(2));
    topic.subscribe(peer.connection(), closeAfter(5));
    peer.run();
    expectOverflowAfter(peer, Duration.ofSeconds(3));
  }

  @Test
  void changeToAShorterAgeAppliesToWhatIsQueued() throws Exception {
    SlowPeer<String> peer = blocked();
    topic.subscribe(peer.connection(), closeAfter(20));
    publish(100, 101);
    peer.run().pass(Duration.ofSeconds(2));
    topic.subscribe(peer.connection(), closeAfter(5));
    peer.run();
    expectOverflowAfter(peer, Duration.ofSeconds(3));
  }

  @Test
  void changeToALongerAgeAppliesToWhatIsQueued() throws Exception {
    SlowPeer<String> peer = blocked();
    topic.subscribe(peer.connection(), closeAfter(5));
    publish(100, 101);
    peer.run();
    topic.subscribe(peer.connection(), closeAfter(7));
    peer.run().pass(Duration.ofSeconds(5));
    expectOverflowAfter(peer, Duration.ofSeconds(2));
  }

  @Test
  void changeToAnAgeThatIsExceededClosesAtOnce() throws Exception {
    SlowPeer<String> peer = blocked();
    topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> text.charAt(0)));
    topic.publish("a1");
    topic.publish("b1");
    peer.run().pass(Duration.ofSeconds(6));
    topic.publish("a2"); // b1 is older now, though it is behind
    topic.subscribe(peer.connection(), closeAfter(5));
    peer.run();
    recorder.expect("connect", "close OVERFLOW");
  }

  @Test
  void changeOfPolicyWithoutQueuedMessagesStartsNoTimer() throws Exception {
    SlowPeer<String> peer = blocked();
    topic.subscribe(peer.connection(), SlowConsumer.dropNewest());
    publish(100, 101);
    assertThat(rest(peer)).containsExactly("100");
    topic.subscribe(peer.connection(), closeAfter(5));
    peer.run().pass(Duration.ofSeconds(6));
    assertThat(peer.connection().isOpen()).isTrue();
  }

  @Test
  void dropNewestKeepsWhatWaits() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.<String>dropNewest().maxBytes(1030));
    publish(100, 125);
    peer.run();
    assertThat(subscription.dropped()).isEqualTo(15);
    assertThat(rest(peer)).isEqualTo(numbers(100, 110));
    publish(125, 126);
    assertThat(peer.texts()).containsExactly("125");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(26, 11, 15, 0, 0));
  }

  @Test
  void dropOldestKeepsTheNewest() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.<String>dropOldest().maxBytes(1030));
    publish(100, 125);
    peer.run();
    assertThat(subscription.dropped()).isEqualTo(15);
    assertThat(subscription.pendingBytes()).isEqualTo(1030);
    assertThat(rest(peer)).isEqualTo(numbers(115, 125));
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(25, 10, 15, 0, 0));
  }

  @Test
  void whatHasWaitedTooLongIsDroppedInsteadOfWritten() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(
            peer.connection(), SlowConsumer.<String>dropNewest().maxAge(Duration.ofSeconds(2)));
    publish(100, 103);
    peer.run().pass(Duration.ofSeconds(1));
    publish(103, 105);
    peer.run().pass(Duration.ofMillis(1_001));
    assertThat(rest(peer)).containsExactly("103", "104");
    assertThat(subscription.dropped()).isEqualTo(3);
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(5, 2, 3, 0, 0));
  }

  @Test
  void newMessageMakesThoseGoThatHaveWaitedTooLong() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(
            peer.connection(), SlowConsumer.<String>dropOldest().maxAge(Duration.ofSeconds(2)));
    publish(100, 103);
    peer.run().pass(Duration.ofSeconds(3));
    publish(103, 104);
    peer.run();
    assertThat(subscription.dropped()).isEqualTo(3);
    assertThat(subscription.pendingBytes()).isEqualTo(WAITING_BYTES);
  }

  @Test
  void conflationReplacesInPlace() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> text.charAt(0)));
    for (String text : List.of("a1", "b1", "c1", "b2", "a2", "b3 is longer", "d1")) {
      topic.publish(text);
    }
    peer.run();
    assertThat(subscription.conflated()).isEqualTo(3);
    assertThat(rest(peer)).containsExactly("a2", "b3 is longer", "c1", "d1");
    topic.publish("b4");
    topic.publish("b5"); // no message is queued any more
    assertThat(peer.texts()).containsExactly("b4", "b5");
    assertThat(subscription.pendingBytes()).isZero();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(9, 6, 0, 3, 0));
  }

  @Test
  void conflationDropsTheOldestAtTheLimitAndKeepsWhatHasNoKey() {
    SlowPeer<String> peer = blocked();
    SlowConsumer<String> policy =
        SlowConsumer.<String>conflate(text -> text.startsWith("k") ? text.charAt(1) : null)
            .maxBytes(1030);
    Subscription subscription = topic.subscribe(peer.connection(), policy);
    topic.publish("k0a");
    for (int i = 0; i < 9; i++) {
      topic.publish("n" + i + "-");
    }
    topic.publish("k0b");
    topic.publish("k1a"); // one too many: k0b is dropped
    topic.publish("k0c"); // and n0
    peer.run();
    assertThat(subscription.conflated()).isEqualTo(1);
    assertThat(subscription.dropped()).isEqualTo(2);
    assertThat(rest(peer))
        .containsExactly("n1-", "n2-", "n3-", "n4-", "n5-", "n6-", "n7-", "n8-", "k1a", "k0c");
  }

  @Test
  void valueLongerThanTheLimitReplacesTheOnlyOne() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(
            peer.connection(),
            SlowConsumer.<String>conflate(text -> text.charAt(0)).maxBytes(1024));
    String large = "a" + "y".repeat(5000);
    topic.publish("a1");
    topic.publish(large);
    peer.run();
    assertThat(subscription.conflated()).isEqualTo(1);
    assertThat(subscription.dropped()).isZero();
    assertThat(rest(peer)).containsExactly(large);
  }

  @Test
  void longerValueDropsOtherMessagesFirst() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(
            peer.connection(),
            SlowConsumer.<String>conflate(text -> text.charAt(0)).maxBytes(1030));
    for (String text : List.of("a1", "b1", "c1", "d1", "e1")) {
      topic.publish(text); // 102 bytes each
    }
    topic.publish("b" + "y".repeat(622)); // 723 bytes: a1 is dropped
    peer.run();
    assertThat(subscription.dropped()).isEqualTo(1);
    topic.publish("b" + "y".repeat(5000)); // keeps its place, without the others
    topic.publish("b" + "y".repeat(5001));
    topic.publish("b2");
    topic.publish("f1");
    peer.run();
    assertThat(subscription.dropped()).isEqualTo(4);
    assertThat(subscription.pendingBytes()).isEqualTo(2 * 102);
    topic.publish("c2");
    topic.publish("f2 is longer");
    peer.run();
    assertThat(rest(peer)).containsExactly("b2", "f2 is longer", "c2");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(12, 3, 4, 5, 0));
  }

  @Test
  void keyThatThrowsCostsTheMessage() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(
            peer.connection(),
            SlowConsumer.conflate(
                text -> {
                  throw new IllegalStateException("on purpose");
                }));
    try (LogCapture log = new LogCapture("dev.jev")) {
      publish(100, 101);
      peer.run();
      assertThat(log.messages("conflation key failed for a message of topic news")).hasSize(1);
    }
    assertThat(subscription.dropped()).isEqualTo(1);
    assertThat(peer.connection().isOpen()).isTrue();
  }

  private Runnable onHashCode = () -> {};
  private Runnable onEquals = () -> {};

  /** A conflation key that collides with all others. */
  private final class Key {
    private final char letter;

    Key(String text) {
      letter = text.charAt(0);
    }

    @Override
    public int hashCode() {
      onHashCode.run();
      return 1;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      onEquals.run();
      return other instanceof Key key && key.letter == letter;
    }
  }

  private static void fail() {
    throw new IllegalStateException("on purpose");
  }

  @Test
  void keyThatCannotBeComparedCostsTheMessage() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> new Key(text)));
    for (String text : List.of("a1", "b1", "c1", "a2", "c2")) {
      topic.publish(text);
    }
    peer.run();
    assertThat(subscription.conflated()).isEqualTo(2);
    try (LogCapture log = new LogCapture("dev.jev")) {
      onEquals = SlowConsumerTest::fail;
      topic.publish("b2");
      peer.run();
      onHashCode = SlowConsumerTest::fail;
      topic.publish("d1");
      peer.run();
      assertThat(log.messages("conflation key failed for a message of topic news")).hasSize(1);
    }
    assertThat(subscription.dropped()).isEqualTo(2);
    assertThat(subscription.conflated()).isEqualTo(2);
    assertThat(rest(peer)).containsExactly("a2", "b1", "c2");
    assertThat(subscription.pendingBytes()).isZero();
    assertThat(peer.connection().pendingBytes()).isZero();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(7, 3, 2, 2, 0));
  }

  @Test
  void keysOfOneHashCodeCostABoundedNumberOfComparisons() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(
            peer.connection(),
            SlowConsumer.<String>conflate(text -> new Key(text)).maxBytes(1 << 20));
    int[] comparisons = new int[1];
    onEquals = () -> comparisons[0]++;
    List<String> texts = new ArrayList<>();
    for (char letter = 'a'; letter < 'a' + 100; letter++) {
      texts.add(letter + "1");
    }
    texts.forEach(topic::publish);
    peer.run();
    assertThat(comparisons[0]).isLessThan(100 * 32);
    topic.publish(texts.get(99).charAt(0) + "2"); // replaces the newest
    topic.publish("a2"); // its predecessor is not found
    peer.run();
    assertThat(subscription.conflated()).isEqualTo(1);
    texts.set(99, texts.get(99).charAt(0) + "2");
    texts.add("a2");
    assertThat(rest(peer)).isEqualTo(texts);
    assertThat(subscription.dropped()).isZero();
    assertThat(subscription.pendingBytes()).isZero();
  }

  @Test
  void keyThatFailsLaterDoesNotPreventTheClose() throws Exception {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> new Key(text)));
    for (String text : List.of("a1", "b1", "c1")) {
      topic.publish(text);
    }
    peer.run();
    onHashCode = SlowConsumerTest::fail;
    onEquals = SlowConsumerTest::fail;
    peer.lose();
    recorder.expect("connect", "close IO_ERROR");
    assertThat(subscription.dropped()).isEqualTo(3);
    assertThat(subscription.pendingBytes()).isZero();
  }

  @Test
  void messageThatIsDroppedDuringEqualsIsNotReplaced() {
    SlowPeer<String> peer = connect(OverflowPolicy.DROP_OLDEST).block();
    fill(peer);
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> new Key(text)));
    topic.publish("a1");
    peer.run();
    onEquals = () -> peer.connection().send("y".repeat(SlowPeer.MAX_PENDING_BYTES));
    topic.publish("a2");
    peer.run();
    assertThat(subscription.conflated()).isZero();
    List<String> rest = rest(peer);
    assertThat(rest.get(0).length()).isEqualTo(SlowPeer.MAX_PENDING_BYTES);
    assertThat(rest.subList(1, rest.size())).containsExactly("a2");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 1, 1, 0, 0));
  }

  @Test
  void messageThatIsPackedDuringEqualsIsNotReplaced() {
    SlowPeer<String> peer = blockedNumbered();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> new Key(text)));
    topic.publish("a1");
    peer.run();
    onEquals = () -> peer.connection().send("sent");
    topic.publish("a2");
    peer.run();
    assertThat(subscription.conflated()).isZero();
    assertThat(numberedRest(peer)).containsExactly("2 a1", "3 sent", "4 a2");
  }

  @Test
  void valueUnderAnotherKeyFunctionIsNotReplaced() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> text.charAt(0)));
    topic.publish("a1");
    topic.publish("b1");
    topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> text.charAt(1)));
    for (String text : List.of("1a", "xa", "yb")) {
      topic.publish(text);
    }
    peer.run();
    assertThat(subscription.conflated()).isEqualTo(1);
    assertThat(rest(peer)).containsExactly("a1", "b1", "xa", "yb");
  }

  @Test
  void subscribingAgainReplacesThePolicy() {
    SlowPeer<String> peer = blocked();
    Subscription first = topic.subscribe(peer.connection());
    Subscription second =
        topic.subscribe(peer.connection(), SlowConsumer.<String>dropOldest().maxBytes(1030));
    assertThat(second).isSameAs(first);
    publish(100, 125);
    peer.run();
    assertThat(rest(peer)).isEqualTo(numbers(115, 125));
  }

  @Test
  void policyChangesBetweenTheMessagesPublishedBeforeAndAfter() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.<String>dropNewest().maxBytes(1030));
    publish(100, 125);
    topic.subscribe(peer.connection(), SlowConsumer.<String>dropOldest().maxBytes(1030));
    publish(125, 130);
    peer.run();
    assertThat(subscription.dropped()).isEqualTo(20);
    List<String> expected = numbers(105, 110);
    expected.addAll(numbers(125, 130));
    assertThat(rest(peer)).isEqualTo(expected);
  }

  @Test
  void policyThatChangesWhileRoomIsMadeAppliesAfterwards() {
    SlowPeer<String> peer = connect(OverflowPolicy.DROP_OLDEST).block();
    fill(peer);
    Subscription subscription = topic.subscribe(peer.connection());
    Topic<String> other = Topic.of("other");
    Subscription innocent =
        other.subscribe(peer.connection(), SlowConsumer.<String>dropOldest().maxBytes(1030));
    publish(100, 102);
    peer.run();
    peer.connection()
        .deliver("is dropped")
        .written()
        .whenComplete(
            (written, failure) ->
                topic.subscribe(
                    peer.connection(), SlowConsumer.<String>dropOldest().maxBytes(1030)));
    publish(102, 104);
    other.publish("innocent");
    peer.run();
    peer.connection().send("y".repeat(SlowPeer.MAX_PENDING_BYTES)); // makes room: drops others
    assertThat(innocent.dropped()).isEqualTo(1);
    assertThat(subscription.dropped()).isZero();
    assertThat(rest(peer).subList(0, 4)).isEqualTo(numbers(100, 104));
    fill(peer.block());
    publish(104, 125);
    peer.run();
    assertThat(subscription.dropped()).isEqualTo(11);
    assertThat(rest(peer)).isEqualTo(numbers(115, 125));
    assertThat(subscription.pendingBytes()).isZero();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(25, 14, 11, 0, 0));
  }

  @Test
  void limitOfTheConnectionHoldsBesides() throws Exception {
    SlowPeer<String> peer = blocked();
    Topic<String> other = Topic.of("other");
    topic.subscribe(peer.connection(), SlowConsumer.<String>dropNewest().maxBytes(90_000));
    other.subscribe(peer.connection(), SlowConsumer.<String>dropOldest().maxBytes(90_000));
    String text = "y".repeat(1000);
    for (int i = 0; i < 100; i++) {
      topic.publish(text);
    }
    for (int i = 0; i < 100; i++) {
      other.publish(i + text);
    }
    peer.run();
    assertThat(peer.connection().pendingBytes())
        .isBetween((long) SlowPeer.MAX_PENDING_BYTES - 1104, SlowPeer.MAX_PENDING_BYTES + 1104L);
    List<String> rest = rest(peer);
    assertThat(rest).hasSizeBetween(85, 90).endsWith("99" + text).contains(text);
    assertThat(topic.counts().dropped()).isBetween(15L, 20L);
    assertThat(topic.counts().delivered() + other.counts().delivered()).isEqualTo(rest.size());
    assertThat(other.counts().dropped() + other.counts().delivered()).isEqualTo(100);
    recorder.expect("connect", "writable");
    recorder.expectNothingMore();
  }

  @Test
  void connectionThatDropsTheOldestDropsPublishedOnesToo() {
    SlowPeer<String> peer = connect(OverflowPolicy.DROP_OLDEST).block();
    fill(peer);
    Topic<String> whole = Topic.of("whole");
    topic.subscribe(peer.connection(), SlowConsumer.dropNewest());
    whole.subscribe(peer.connection());
    topic.publish("may go");
    whole.publish("may not");
    peer.run();
    String text = "y".repeat(1000);
    for (int i = 0; i < 150; i++) {
      assertThat(peer.connection().send(text)).isTrue();
    }
    peer.run();
    assertThat(rest(peer)).doesNotContain("may go").contains("may not").endsWith(text);
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(1, 0, 1, 0, 0));
    assertThat(whole.counts()).isEqualTo(new Topic.Counts(1, 1, 0, 0, 0));
  }

  @Test
  void oneLongMessageMayWaitAndASecondMayNot() {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.<String>dropNewest().maxBytes(1024));
    topic.publish("y".repeat(5000));
    topic.publish("z");
    peer.run();
    assertThat(subscription.dropped()).isEqualTo(1);
    assertThat(rest(peer)).containsExactly("y".repeat(5000));
  }

  @Test
  void whatWaitsIsStillSentAfterUnsubscribing() {
    SlowPeer<String> peer = blocked();
    Subscription subscription = topic.subscribe(peer.connection());
    publish(100, 102);
    subscription.cancel();
    publish(102, 104);
    peer.run();
    assertThat(rest(peer)).containsExactly("100", "101");
    assertThat(subscription.dropped()).isZero();
  }

  @Test
  void whatWaitsLeavesBeforeAClose() throws Exception {
    SlowPeer<String> peer = blocked();
    Subscription subscription = topic.subscribe(peer.connection());
    publish(100, 102);
    peer.run().connection().close();
    assertThat(subscription.isActive()).isFalse();
    assertThat(rest(peer)).containsExactly("100", "101");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 2, 0, 0, 0));
  }

  @Test
  void whatWaitsIsReleasedWithTheConnection() {
    SlowPeer<String> peer = blocked();
    Subscription subscription = topic.subscribe(peer.connection());
    publish(100, 102);
    peer.run().lose();
    assertThat(subscription.dropped()).isEqualTo(2);
    assertThat(subscription.pendingBytes()).isZero();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 0, 2, 0, 0));
  }

  @Test
  void slowConsumersShareWhatWaits() {
    Topic<ByteBuf> buffers = Topic.of("buffers");
    List<StreamConnection<?, ByteBuf>> connections = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      SlowPeer<ByteBuf> peer =
          new SlowPeer<>(Buffers::new, (connection, message) -> {}, OverflowPolicy.CLOSE);
      peers.add(peer);
      peer.block().connection().send(Unpooled.wrappedBuffer(new byte[SlowPeer.HIGH_MARK]));
      buffers.subscribe(peer.connection());
      connections.add(peer.connection());
    }
    ByteBuf message = Unpooled.wrappedBuffer(new byte[500]);
    buffers.publish(message);
    peers.forEach(SlowPeer::run);
    assertThat(message.refCnt()).isZero(); // only its packed form waits
    assertThat(connections).allMatch(connection -> connection.pendingBytes() >= 2_600);
  }

  /** Texts with a number in front of each, which counts what was packed. */
  private static final class Numbered implements Protocol<String, String> {
    private final Texts texts = new Texts();
    private int packed;

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      if (message.isEmpty()) {
        throw new IllegalArgumentException("message: 0 characters (expected: >= 1)");
      }
      packed++;
      texts.pack(packed + " " + message, out);
    }
  }

  private SlowPeer<String> blockedNumbered() {
    SlowPeer<String> peer = new SlowPeer<>(Numbered::new, recorder, OverflowPolicy.CLOSE);
    peers.add(peer);
    peer.block();
    fill(peer);
    return peer;
  }

  private static List<String> numberedRest(SlowPeer<String> peer) {
    List<String> texts = peer.unblock().texts();
    assertThat(texts.get(0)).isEqualTo("1 " + "x".repeat(SlowPeer.HIGH_MARK));
    return texts.subList(1, texts.size());
  }

  @Test
  void protocolWithStatePacksOnlyWhatIsWritten() {
    SlowPeer<String> peer = blockedNumbered();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> text.charAt(0)));
    for (String text : List.of("a1", "b1", "a2", "b2", "c1")) {
      topic.publish(text);
    }
    peer.run();
    assertThat(subscription.conflated()).isEqualTo(2);
    assertThat(numberedRest(peer)).containsExactly("2 a2", "3 b2", "4 c1");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(5, 3, 0, 2, 0));
  }

  @Test
  void protocolWithStatePacksWhatWaitsBeforeWhatIsSentBehindIt() {
    SlowPeer<String> peer = blockedNumbered();
    topic.subscribe(peer.connection(), SlowConsumer.conflate(text -> text.charAt(0)));
    topic.publish("a1");
    topic.publish(""); // cannot be packed
    peer.run();
    peer.connection().send("sent");
    peer.run();
    topic.publish("a2"); // which does not replace a1 any more
    peer.run().connection().close();
    assertThat(numberedRest(peer)).containsExactly("2 a1", "3 sent", "4 a2");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(3, 2, 1, 0, 0));
  }

  /** Texts of which "close" closes the connection, with or without an encoding that is shared. */
  private static final class Closing implements Protocol<String, String> {
    private final Texts texts = new Texts();
    private final boolean shared;
    private @Nullable ProtocolContext context;

    private Closing(boolean shared) {
      this.shared = shared;
    }

    @Override
    public void open(ProtocolContext context) {
      this.context = context;
      context.ready();
    }

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
      if (message.equals("close")) {
        requireNonNull(context).close();
      }
    }

    @Override
    public boolean closesConnection(String message) {
      return message.equals("close");
    }

    @Override
    public @Nullable Object encodingKey() {
      return shared ? Closing.class : null;
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void messageThatClosesTheConnectionIsNeverDropped(boolean shared) {
    for (SlowConsumer<String> policy :
        List.of(
            SlowConsumer.<String>dropNewest().maxBytes(1024),
            SlowConsumer.<String>dropOldest().maxBytes(1024),
            SlowConsumer.<String>conflate(text -> "all").maxBytes(1024))) {
      SlowPeer<String> peer =
          new SlowPeer<>(() -> new Closing(shared), recorder, OverflowPolicy.CLOSE);
      peers.add(peer);
      peer.block();
      fill(peer);
      topic.subscribe(peer.connection(), policy);
      publish(100, 200);
      topic.publish("close");
      publish(200, 300);
      peer.run();
      assertThat(peer.connection().isOpen()).isFalse();
      List<String> texts = rest(peer);
      assertThat(texts.get(texts.size() - 1)).isEqualTo("close");
      assertThat(texts).hasSizeBetween(2, 20);
    }
  }

  @Test
  void limitsAreChecked() {
    assertThatThrownBy(() -> SlowConsumer.close().maxBytes(1023))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxBytes: 1023 (expected: 1024..1073741824)");
    assertThatThrownBy(() -> SlowConsumer.close().maxAge(Duration.ZERO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxAge: PT0S (expected: > PT0S and <= PT87600H)");
  }

  @Test
  void longerValuesStayWithinTheLimitOfTheConnection() {
    SlowPeer<String> peer = blocked();
    topic.subscribe(
        peer.connection(),
        SlowConsumer.conflate((String text) -> text.substring(0, 2)).maxBytes(1 << 30));
    for (int key = 10; key < 60; key++) {
      topic.publish(key + "");
    }
    String longer = "y".repeat(50_000);
    for (int key = 10; key < 60; key++) {
      topic.publish(key + longer);
    }
    peer.run();
    assertThat(peer.connection().pendingBytes())
        .isLessThan(SlowPeer.MAX_PENDING_BYTES + longer.length() + 1000);
  }

  @Test
  void messagesBehindTheOneThatClosesAreCountedAsDropped() throws Exception {
    SlowPeer<String> peer = blocked();
    Subscription subscription =
        topic.subscribe(peer.connection(), SlowConsumer.<String>close().maxBytes(1030));
    publish(100, 120);
    peer.run();
    recorder.expect("connect", "close OVERFLOW");
    assertThat(subscription.dropped()).isEqualTo(20);
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(20, 0, 20, 0, 1));
  }

  @Test
  void messagesThatWaitForTheLoopAreCountedAsDropped() {
    SlowPeer<String> peer = connect(OverflowPolicy.CLOSE);
    topic.subscribe(peer.connection());
    peer.run();
    publish(100, 103);
    peer.connection().closeNow();
    peer.run();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(3, 0, 3, 0, 0));
  }

  @Test
  void messagesBehindAPublishedCloseAreCountedAsDropped() {
    SlowPeer<String> peer =
        new SlowPeer<>(() -> new Closing(/* shared= */ true), recorder, OverflowPolicy.CLOSE);
    peers.add(peer);
    topic.subscribe(peer.connection());
    peer.run();
    publish(100, 103);
    topic.publish("close");
    publish(104, 204); // more than one batch
    peer.run();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(104, 4, 100, 0, 0));
  }

  @Test
  void messagesPublishedAfterACloseAreNotCounted() throws Exception {
    Recorder<String, String> connections = Recorder.silent();
    try (Server server =
            Server.builder(Texts::new, connections)
                .listen("tcp://127.0.0.1:0")
                .eventLoops(1)
                .start();
        RawPeer closing = RawPeer.connect(server)) {
      Connection<String> first = connections.connection();
      try (RawPeer staying = RawPeer.connect(server)) {
        Connection<String> second = connections.connection();
        topic.subscribe(first);
        topic.subscribe(second);
        second.execute(
            () -> {
              topic.publish("1");
              first.closeNow();
              topic.publish("2"); // delivered with the same batch
            });
        assertThat(staying.receive()).isEqualTo("1");
        assertThat(staying.receive()).isEqualTo("2");
        closing.expectEnd();
      }
    }
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 2, 1, 0, 0));
  }

  @Test
  void messagesBeforeACancelThatACloseOvertakesAreCountedAsDropped() {
    SlowPeer<String> peer = connect(OverflowPolicy.CLOSE);
    Subscription subscription = topic.subscribe(peer.connection());
    peer.run();
    publish(100, 103);
    subscription.cancel();
    publish(103, 105); // without a subscriber
    peer.connection().closeNow();
    peer.run();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(5, 0, 3, 0, 0));
  }
}
