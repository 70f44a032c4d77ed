package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Topics that retain messages for connections that join later. */
class TopicRetainTest {

  private final List<SlowPeer<?>> peers = new ArrayList<>();
  private final List<Topic<?>> topics = new ArrayList<>();

  @AfterEach
  void close() {
    peers.forEach(SlowPeer::close);
    topics.forEach(Topic::clearRetained);
  }

  private <O> Topic<O> cleared(Topic<O> topic) {
    topics.add(topic);
    return topic;
  }

  private Topic<String> retaining(int messages) {
    return cleared(Topic.<String>of("news").retaining(messages));
  }

  /** A topic of texts whose first character is the key; "-" has none. */
  private Topic<String> latest() {
    return cleared(Topic.<String>of("prices").retainingLatest(TopicRetainTest::key));
  }

  private static @Nullable String key(String text) {
    return text.startsWith("-") ? null : text.substring(0, 1);
  }

  private SlowPeer<String> peer() {
    SlowPeer<String> peer = SlowPeer.ofTexts();
    peers.add(peer);
    return peer;
  }

  /** The texts that a connection gets when it joins. */
  private List<String> joiner(Topic<String> topic) {
    SlowPeer<String> peer = peer();
    topic.subscribe(peer.connection(), SlowConsumer.close());
    return peer.texts();
  }

  private static void publish(Topic<String> topic, String... texts) {
    for (String text : texts) {
      assertThat(topic.publish(text)).isTrue();
    }
  }

  // The last messages.

  @Test
  void joiningConnectionGetsTheLastMessagesFirst() {
    Topic<String> topic = retaining(3);
    publish(topic, "1", "2", "3", "4");
    SlowPeer<String> peer = peer();
    topic.subscribe(peer.connection());
    publish(topic, "5");
    assertThat(peer.texts()).containsExactly("2", "3", "4", "5");
    assertThat(joiner(topic)).containsExactly("3", "4", "5");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(5, 7, 0, 0, 0));
  }

  @Test
  void retainedMessagesComeAfterOnJoinAndBeforeWhatItPublishes() {
    List<Topic<String>> topic = new ArrayList<>();
    topic.add(
        cleared(
            Topic.of(
                    "news",
                    new Topic.Observer<String>() {
                      @Override
                      public void onJoin(Connection<String> connection) {
                        connection.send("hello");
                        topic.get(0).publish("joined");
                      }
                    })
                .retaining(10)));
    publish(topic.get(0), "1", "2");
    assertThat(joiner(topic.get(0))).containsExactly("hello", "1", "2", "joined");
  }

  @Test
  void topicWithoutSubscribersRetainsWithinItsLimitOfBytes() {
    Topic<String> topic = cleared(Topic.<String>of("news").retaining(100, 1_024));
    String text = "x".repeat(160); // 256 bytes each
    publish(topic, "1", text, text, text);
    assertThat(topic.retained()).isEqualTo(new Topic.Retained(4, 97 + 3 * 256));
    publish(topic, text);
    assertThat(topic.retained()).isEqualTo(new Topic.Retained(4, 4 * 256));
    publish(topic, "2");
    assertThat(topic.retained()).isEqualTo(new Topic.Retained(4, 97 + 3 * 256));
    assertThat(joiner(topic)).containsExactly(text, text, text, "2");
  }

  @Test
  void messageThatIsTooLongLeavesNoGap() {
    Topic<String> topic = cleared(Topic.<String>of("news").retaining(100, 1_024));
    SlowPeer<String> peer = peer();
    topic.subscribe(peer.connection());
    publish(topic, "1", "x".repeat(1_024 - 96), "x".repeat(1_024 - 95));
    assertThat(topic.retained()).isEqualTo(new Topic.Retained(0, 0));
    publish(topic, "2");
    assertThat(joiner(topic)).containsExactly("2");
    assertThat(peer.texts()).hasSize(4);
  }

  @Test
  void clearedTopicRetainsWhatIsPublishedLater() {
    Topic<String> topic = retaining(10);
    publish(topic, "1", "2");
    topic.clearRetained();
    assertThat(topic.retained()).isEqualTo(new Topic.Retained(0, 0));
    publish(topic, "3");
    assertThat(joiner(topic)).containsExactly("3");
  }

  @Test
  void subscribedConnectionGetsNothingAgain() {
    Topic<String> topic = retaining(10);
    SlowPeer<String> peer = peer();
    topic.subscribe(peer.connection());
    publish(topic, "1");
    topic.subscribe(peer.connection(), SlowConsumer.dropNewest());
    assertThat(peer.texts()).containsExactly("1");
    topic.unsubscribe(peer.connection());
    topic.subscribe(peer.connection());
    assertThat(peer.texts()).containsExactly("1");
  }

  @Test
  void joinerThatIsSlowGetsWhatItsPolicyAllows() {
    Topic<String> topic = retaining(10_000);
    for (int i = 0; i < 2_000; i++) {
      publish(topic, "%04d".formatted(i)); // 200 KB, more than the limit of the connection
    }
    SlowPeer<String> peer = peer().block();
    Subscription subscription = topic.subscribe(peer.connection(), SlowConsumer.dropOldest());
    for (int i = 0; i < 20; i++) {
      peer.run(); // a slice
    }
    assertThat(subscription.dropped()).isPositive();
    long dropped = subscription.dropped();
    List<String> texts = peer.unblock().texts();
    assertThat(texts).hasSize(2_000 - (int) dropped).endsWith("1998", "1999");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2_000, 2_000 - dropped, dropped, 0, 0));
  }

  @Test
  void longReplayIsDeliveredInSlices() {
    Topic<String> topic = retaining(10_000);
    int count = 2 * TopicQueue.DELIVERIES_PER_SLICE + 10;
    for (int i = 0; i < count; i++) {
      publish(topic, "x");
    }
    SlowPeer<String> peer = peer();
    AtomicInteger flushes = peer.countFlushes();
    topic.subscribe(peer.connection());
    publish(topic, "last");
    assertThat(peer.run().texts()).hasSize(count + 1).endsWith("x", "last");
    assertThat(flushes).hasValue(4); // of three slices, and of the last message
  }

  @Test
  void joinerThatClosesMeanwhileLosesTheRest() {
    Topic<String> topic = retaining(1_000);
    for (int i = 0; i < TopicQueue.DELIVERIES_PER_SLICE + 10; i++) {
      publish(topic, "x");
    }
    SlowPeer<String> peer = peer();
    Subscription subscription = topic.subscribe(peer.connection());
    peer.connection().execute(peer.connection()::closeNow); // before the second slice
    peer.run().run();
    assertThat(subscription.isActive()).isFalse();
    Topic.Counts counts = topic.counts();
    assertThat(counts.delivered() + counts.dropped())
        .isEqualTo(TopicQueue.DELIVERIES_PER_SLICE + 10);
  }

  @Test
  void connectionThatClosesBeforeItJoinsIsNotCounted() {
    Topic<String> topic = retaining(10);
    publish(topic, "1");
    SlowPeer<String> peer = peer();
    topic.subscribe(peer.connection());
    peer.connection().closeNow();
    peer.run();
    assertThat(topic.subscribe(peer.connection()).isActive()).isFalse();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(1, 0, 0, 0, 0));
  }

  // The latest message of each key.

  @Test
  void joiningConnectionGetsTheLatestMessageOfEachKey() {
    Topic<String> topic = latest();
    publish(topic, "a1", "b1", "c1", "a2", "-", "b2");
    assertThat(joiner(topic)).containsExactly("c1", "a2", "b2");
    assertThat(topic.retained()).isEqualTo(new Topic.Retained(3, 3 * 98));
    publish(topic, "c2");
    assertThat(joiner(topic)).containsExactly("a2", "b2", "c2");
  }

  @Test
  void leastRecentlyPublishedKeyIsRemovedAtALimit() {
    Topic<String> topic =
        cleared(Topic.<String>of("prices").retainingLatest(TopicRetainTest::key, 3, 1_024));
    publish(topic, "a1", "b1", "c1", "a2", "d1");
    assertThat(joiner(topic)).containsExactly("c1", "a2", "d1");
    String long1 = "l" + "x".repeat(700);
    publish(topic, long1);
    assertThat(joiner(topic)).containsExactly("a2", "d1", long1);
    publish(topic, "d" + "x".repeat(100)); // 197 bytes
    assertThat(topic.retained().bytes()).isEqualTo(96 + 701 + 96 + 101);
    assertThat(joiner(topic)).containsExactly(long1, "d" + "x".repeat(100));
  }

  @Test
  void messageThatIsTooLongRemovesItsKey() {
    Topic<String> topic =
        cleared(Topic.<String>of("prices").retainingLatest(TopicRetainTest::key, 10, 1_024));
    publish(topic, "a1", "b1", "a" + "x".repeat(1_024));
    assertThat(joiner(topic)).containsExactly("b1");
    publish(topic, "a2");
    assertThat(joiner(topic)).containsExactly("b1", "a2");
  }

  /** A key of which the hash code, or any comparison, can be wrong. */
  private record Key(String name) {
    @Override
    public int hashCode() {
      if (name.equals("hash")) {
        throw new IllegalStateException("no hash code");
      }
      return 1;
    }

    @Override
    public boolean equals(Object other) {
      if (name.equals("equals")) {
        throw new IllegalStateException("no comparison");
      }
      return other instanceof Key key && key.name.equals(name);
    }
  }

  @Test
  void fewKeysOfOneHashCodeAreRetained() {
    Topic<String> topic = cleared(Topic.<String>of("prices").retainingLatest(Key::new));
    int keys = 3 * RetainedMessages.MAX_SAME_HASH;
    for (int i = 0; i < keys; i++) {
      publish(topic, "key " + i);
    }
    List<String> texts = joiner(topic);
    assertThat(texts).hasSize(RetainedMessages.MAX_SAME_HASH);
    int first = keys - RetainedMessages.MAX_SAME_HASH;
    assertThat(texts).startsWith("key " + first).endsWith("key " + (keys - 1));
    publish(topic, "key " + first);
    assertThat(joiner(topic))
        .hasSize(RetainedMessages.MAX_SAME_HASH)
        .startsWith("key " + (first + 1))
        .endsWith("key " + first);
  }

  @Test
  void messageWhoseKeyFailsIsPublishedAndNotRetained() {
    Function<String, Object> keyOf =
        text -> {
          if (text.equals("key")) {
            throw new IllegalStateException("no key");
          }
          return new Key(text);
        };
    Topic<String> topic = cleared(Topic.<String>of("prices").retainingLatest(keyOf));
    SlowPeer<String> peer = peer();
    topic.subscribe(peer.connection());
    try (LogCapture log = new LogCapture("dev.jev")) {
      publish(topic, "fine", "key", "hash", "equals", "fine too");
      assertThat(log.messages("key failed for a message of topic prices, which is not retained"))
          .isNotEmpty();
    }
    assertThat(peer.texts()).containsExactly("fine", "key", "hash", "equals", "fine too");
    assertThat(joiner(topic)).containsExactly("fine", "fine too");
  }

  @Test
  void keyFunctionMayPublish() {
    List<Topic<String>> topic = new ArrayList<>();
    Function<String, Object> keyOf =
        text -> {
          if (text.equals("a1")) {
            topic.get(0).publish("a0");
          }
          return text.substring(0, 1);
        };
    topic.add(cleared(Topic.<String>of("prices").retainingLatest(keyOf)));
    publish(topic.get(0), "a1");
    assertThat(joiner(topic.get(0))).containsExactly("a1");
    assertThat(topic.get(0).retained()).isEqualTo(new Topic.Retained(1, 98));
  }

  // Both.

  @Test
  void retainedMessageIsPackedOnceForAllThatJoin() {
    AtomicInteger packed = new AtomicInteger();
    Topic<String> topic = retaining(10);
    publish(topic, "1", "2");
    for (int i = 0; i < 10; i++) {
      SlowPeer<String> peer =
          new SlowPeer<>(
              () -> new CountedTexts("shared", packed), (c, m) -> {}, OverflowPolicy.CLOSE);
      peers.add(peer);
      topic.subscribe(peer.connection());
      assertThat(peer.texts()).containsExactly("1", "2");
    }
    assertThat(packed).hasValue(2);
  }

  @Test
  void retainedMessageHasFewPackedForms() {
    Topic<String> topic = retaining(1);
    SharedMessage<String> message = SharedMessage.of("1");
    topic.publish(message);
    AtomicInteger packed = new AtomicInteger();
    for (int i = 0; i < 80; i++) {
      int key = i % 40;
      try (SlowPeer<String> peer =
          new SlowPeer<>(
              () -> new CountedTexts("key " + key, packed), (c, m) -> {}, OverflowPolicy.CLOSE)) {
        topic.subscribe(peer.connection());
        assertThat(peer.texts()).containsExactly("1");
      }
    }
    assertThat(packed).hasValue(32 + 8 + 8);
    message.release();
  }

  @Test
  void retainedBufferIsReleasedWhenItIsSuperseded() {
    Topic<ByteBuf> topic = cleared(Topic.<ByteBuf>of("buffers").retaining(1));
    ByteBuf first = Loop.ALLOCATOR.buffer().writeInt(1);
    topic.publish(first);
    assertThat(first.refCnt()).isEqualTo(1);
    ByteBuf second = Loop.ALLOCATOR.buffer().writeInt(2);
    topic.publish(second);
    assertThat(first.refCnt()).isZero();
    topic.clearRetained();
    assertThat(second.refCnt()).isZero();
  }

  @Test
  void receivedBufferThatIsRetainedOutlivesItsCallback() throws Exception {
    Topic<ByteBuf> topic = cleared(Topic.<ByteBuf>of("buffers").retaining(1));
    Recorder<ByteBuf, ByteBuf> recorder =
        new Recorder<>((connection, message) -> topic.publish(message));
    try (Server server =
            Server.builder(Buffers::new, recorder).listen("127.0.0.1:0").eventLoops(2).start();
        RawPeer publisher = RawPeer.connect(server).send("kept");
        RawPeer joiner = RawPeer.connect(server)) {
      Connection<ByteBuf> first = recorder.connection();
      Connection<ByteBuf> second = recorder.connection();
      Eventually.holds("it is published", () -> topic.retained().messages() == 1);
      topic.subscribe(first);
      topic.subscribe(second);
      assertThat(publisher.receive()).isEqualTo("kept");
      assertThat(joiner.receive()).isEqualTo("kept");
    }
  }

  @Test
  void retainingTopicIsANewOne() {
    Topic.Observer<String> observer = new Topic.Observer<>() {};
    Topic<String> plain = Topic.of("news", observer);
    SlowPeer<String> peer = peer();
    plain.subscribe(peer.connection());
    Topic<String> retaining = cleared(plain.retaining(1));
    assertThat(retaining.name()).isEqualTo("news");
    assertThat(retaining.observer()).isSameAs(observer);
    assertThat(retaining.size()).isZero();
    publish(plain, "1");
    assertThat(plain.retained()).isEqualTo(new Topic.Retained(0, 0));
    plain.clearRetained();
    assertThat(joiner(plain)).isEmpty();
  }

  @Test
  void limitsAreChecked() {
    Topic<String> topic = Topic.of("news");
    assertThatThrownBy(() -> topic.retaining(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("messages: 0 (expected: 1..16777216)");
    assertThatThrownBy(() -> topic.retaining(1, 1_023))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxBytes: 1023 (expected: 1024..1099511627776)");
    assertThatThrownBy(() -> topic.retainingLatest(text -> text, 0, 1_024))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxKeys: 0 (expected: 1..16777216)");
  }
}
