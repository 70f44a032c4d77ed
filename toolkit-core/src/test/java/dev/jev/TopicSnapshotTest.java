package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.util.IllegalReferenceCountException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Connections that get a list of messages or a snapshot when they subscribe; updates. */
class TopicSnapshotTest {

  /** A message that is refused. */
  private record Part() implements Unpublishable {}

  private final Topic<String> topic = Topic.of("news");
  private final List<String> state = new ArrayList<>();
  private final List<SlowPeer<?>> peers = new ArrayList<>();

  @AfterEach
  void close() {
    peers.forEach(SlowPeer::close);
    topic.clearRetained();
  }

  private SlowPeer<String> peer() {
    SlowPeer<String> peer = SlowPeer.ofTexts();
    peers.add(peer);
    return peer;
  }

  private static void runSlices(SlowPeer<?> peer) {
    for (int i = 0; i < 20; i++) {
      peer.run();
    }
  }

  private Subscription subscribe(
      SlowPeer<String> peer, Supplier<? extends Collection<String>> snapshot) {
    return topic.subscribe(peer.connection(), SlowConsumer.close(), snapshot);
  }

  private String append(String text) {
    state.add(text);
    return text;
  }

  private static void release(List<? extends SharedMessage<?>> messages) {
    messages.forEach(SharedMessage::release);
  }

  // A list.

  @Test
  void listComesBeforeWhatIsPublishedAfterTheCall() {
    SlowPeer<String> peer = peer();
    List<SharedMessage<String>> first = List.of(SharedMessage.of("1"), SharedMessage.of("2"));
    topic.publish("before");
    topic.subscribe(peer.connection(), SlowConsumer.close(), first);
    release(first);
    topic.publish("3");
    assertThat(peer.texts()).containsExactly("1", "2", "3");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 3, 0, 0, 0));
  }

  @Test
  void listIsDeliveredUnderThePolicy() {
    SlowPeer<String> peer = peer().block();
    List<SharedMessage<String>> first = new ArrayList<>();
    for (int i = 0; i < 2_000; i++) {
      first.add(SharedMessage.of("text"));
    }
    topic.subscribe(peer.connection(), SlowConsumer.close(), first);
    release(first);
    runSlices(peer);
    assertThat(peer.connection().isOpen()).isFalse();
    assertThat(topic.counts().closed()).isEqualTo(1);
  }

  @Test
  void listReplacesTheRetainedMessages() {
    Topic<String> retaining = topic.retaining(10);
    retaining.publish("retained");
    SlowPeer<String> peer = peer();
    retaining.subscribe(peer.connection(), SlowConsumer.close(), List.of());
    retaining.publish("1");
    assertThat(peer.texts()).containsExactly("1");
    retaining.clearRetained();
  }

  @Test
  void subscribedConnectionGetsNoListAndAnotherPolicy() {
    SlowPeer<String> peer = peer();
    Subscription subscription = topic.subscribe(peer.connection());
    List<SharedMessage<String>> first = List.of(SharedMessage.of("1"));
    assertThat(topic.subscribe(peer.connection(), SlowConsumer.dropNewest(), first))
        .isSameAs(subscription);
    release(first);
    assertThat(peer.texts()).isEmpty();
    peer.block();
    for (int i = 0; i < 2_000; i++) {
      topic.publish("text");
    }
    runSlices(peer);
    assertThat(peer.connection().isOpen()).isTrue();
    assertThat(subscription.dropped()).isPositive();
  }

  @Test
  void listWithAReleasedMessageIsRefused() {
    SlowPeer<String> peer = peer();
    SharedMessage<String> live = SharedMessage.of("1");
    SharedMessage<String> released = SharedMessage.of("2");
    released.release();
    List<SharedMessage<String>> first = List.of(live, released);
    assertThatThrownBy(() -> topic.subscribe(peer.connection(), SlowConsumer.close(), first))
        .isInstanceOf(IllegalReferenceCountException.class);
    assertThat(topic.size()).isZero();
    live.release();
    assertThatThrownBy(live::release).isInstanceOf(IllegalReferenceCountException.class);
  }

  // Snapshots.

  @Test
  void snapshotIsFollowedByWhatIsPublishedAfterwards() {
    SlowPeer<String> peer = peer();
    topic.update(() -> append("1"));
    topic.update(() -> append("2"));
    subscribe(peer, () -> state);
    topic.update(() -> append("3"));
    assertThat(peer.texts()).containsExactly("1", "2", "3");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(3, 3, 0, 0, 0));
  }

  @Test
  void snapshotIsNotTakenInVain() {
    SlowPeer<String> peer = peer();
    topic.subscribe(peer.connection());
    Supplier<List<String>> snapshot =
        () -> {
          throw new AssertionError("called");
        };
    subscribe(peer, snapshot);
    SlowPeer<String> closed = peer();
    closed.connection().closeNow();
    assertThat(subscribe(closed, snapshot).isActive()).isFalse();
  }

  @Test
  void snapshotThatFailsSubscribesNothing() {
    SlowPeer<String> peer = peer();
    assertThatThrownBy(
            () ->
                subscribe(
                    peer,
                    () -> {
                      throw new IllegalStateException("on purpose");
                    }))
        .hasMessage("on purpose");
    assertThatThrownBy(() -> subscribe(peer, () -> Arrays.asList("1", null)))
        .isInstanceOf(NullPointerException.class);
    assertThat(topic.size()).isZero();
    topic.publish("1");
    subscribe(peer, List::of);
    assertThat(peer.texts()).isEmpty();
    topic.publish("2");
    assertThat(peer.texts()).containsExactly("2");
  }

  @Test
  void messagesOfASnapshotAreConsumed() {
    Topic<Object> objects = Topic.of("objects");
    SlowPeer<Object> peer = objects();
    ByteBuf taken = Loop.ALLOCATOR.buffer().writeInt(1);
    objects.subscribe(peer.connection(), SlowConsumer.close(), () -> List.of(taken));
    assertThat(taken.refCnt()).isEqualTo(1);
    peer.run();
    assertThat(taken.refCnt()).isZero();
    objects.unsubscribe(peer.connection());
    ByteBuf before = Loop.ALLOCATOR.buffer().writeInt(1);
    ByteBuf after = Loop.ALLOCATOR.buffer().writeInt(1);
    assertThatThrownBy(
            () ->
                objects.subscribe(
                    peer.connection(),
                    SlowConsumer.close(),
                    () -> List.of(before, new Part(), after)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "message: "
                + Part.class.getName()
                + " (expected: one that may go to many connections; send this one to each)");
    assertThat(before.refCnt()).isZero();
    assertThat(after.refCnt()).isZero();
    assertThat(objects.size()).isZero();
  }

  private SlowPeer<Object> objects() {
    Supplier<Protocol<Object, Object>> protocol =
        () ->
            new Protocol<>() {
              @Override
              public Object unpack(ProtocolContext context, ByteBuf in) {
                return in.readByte();
              }

              @Override
              public void pack(Object message, ByteBuf out) {
                out.writeInt(0);
              }
            };
    SlowPeer<Object> peer = new SlowPeer<>(protocol, (c, m) -> {}, OverflowPolicy.CLOSE);
    peers.add(peer);
    return peer;
  }

  @Test
  void snapshotIsRefusedWhenTheQueueOfTheLoopIsFull() {
    SlowPeer<String> peer = peer();
    String large = "x".repeat(1 << 20);
    int joined = 0;
    List<Topic<String>> many = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      Topic<String> each = Topic.of("topic");
      many.add(each);
      Subscription subscription =
          each.subscribe(peer.connection(), SlowConsumer.dropNewest(), () -> List.of(large));
      joined += subscription.isActive() ? 1 : 0;
    }
    assertThat(joined).isEqualTo(16);
    assertThat(many.get(0).hasRoom()).isFalse();
    peer.run();
    assertThat(many.get(0).hasRoom()).isTrue();
    assertThat(
            many.get(19)
                .subscribe(peer.connection(), SlowConsumer.dropNewest(), () -> List.of(large))
                .isActive())
        .isTrue();
  }

  @Test
  void snapshotOfALoopThatHasEndedIsReleased() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    Server server = Server.builder(Texts::new, recorder).listen("127.0.0.1:0").start();
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      SharedMessage<String> message = SharedMessage.of("1");
      CompletableFuture<Void> busy = new CompletableFuture<>();
      connection.execute(busy::join);
      topic.subscribe(connection, SlowConsumer.close(), List.of(message));
      peer.send("unread");
      message.release();
      CompletableFuture<Void> stopped =
          CompletableFuture.runAsync(() -> server.stop(Duration.ZERO));
      busy.complete(null);
      stopped.get(10, TimeUnit.SECONDS);
      server.awaitStop();
      Eventually.holds("it is forgotten", () -> topic.size() == 0);
      assertThatThrownBy(message::retain).isInstanceOf(IllegalReferenceCountException.class);
    }
  }

  // Updates.

  @Test
  void updateWithoutAMessagePublishesNothing() {
    assertThat(topic.update(() -> null)).isTrue();
    assertThat(topic.counts().published()).isZero();
  }

  @Test
  void updateThatFailsPublishesNothing() {
    SlowPeer<String> peer = peer();
    topic.subscribe(peer.connection());
    assertThatThrownBy(
            () ->
                topic.update(
                    () -> {
                      throw new IllegalStateException("on purpose");
                    }))
        .hasMessage("on purpose");
    assertThat(topic.update(() -> append("1"))).isTrue();
    assertThat(peer.texts()).containsExactly("1");
    assertThat(topic.counts().published()).isEqualTo(1);
  }

  @Test
  void updatePublishesWhatItsChangePublishesFirst() {
    SlowPeer<String> peer = peer();
    SlowPeer<String> other = peer();
    topic.subscribe(peer.connection());
    topic.update(
        () -> {
          topic.publish("1");
          subscribe(other, () -> List.of("state"));
          topic.update(() -> append("2"));
          return "3";
        });
    assertThat(peer.texts()).containsExactly("1", "2", "3");
    assertThat(other.texts()).containsExactly("state", "2", "3");
  }

  @Test
  void updateThatFailsLaterWakesTheLoopsForWhatItHasPublished() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server = Server.builder(Texts::new, recorder).listen("127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      topic.subscribe(recorder.connection());
      assertThatThrownBy(
              () ->
                  topic.update(
                      () -> {
                        topic.publish("1");
                        throw new IllegalStateException("on purpose");
                      }))
          .hasMessage("on purpose");
      assertThat(peer.receive()).isEqualTo("1");
    }
  }

  @Test
  void snapshotMayPublishAndSubscribe() {
    SlowPeer<String> peer = peer();
    SlowPeer<String> other = peer();
    topic.subscribe(other.connection());
    subscribe(
        peer,
        () -> {
          topic.publish("1");
          return List.of("with 1");
        });
    topic.publish("2");
    assertThat(peer.texts()).containsExactly("with 1", "2");
    assertThat(other.texts()).containsExactly("1", "2");
    SlowPeer<String> twice = peer();
    subscribe(
        twice,
        () -> {
          subscribe(twice, () -> List.of("inner"));
          return List.of("outer");
        });
    topic.publish("3");
    assertThat(twice.texts()).containsExactly("inner", "3");
    assertThat(topic.size()).isEqualTo(3);
  }
}
