package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.IllegalReferenceCountException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Messages that are published several times, or not to all subscribers. */
class SharedMessageTest {

  private final Topic<String> topic = Topic.of("news");
  private final List<SlowPeer<?>> peers = new ArrayList<>();

  @AfterEach
  void close() {
    peers.forEach(SlowPeer::close);
  }

  private SlowPeer<String> peer() {
    SlowPeer<String> peer = SlowPeer.ofTexts();
    peers.add(peer);
    return peer;
  }

  private SlowPeer<String> subscriber() {
    SlowPeer<String> peer = peer();
    topic.subscribe(peer.connection());
    peer.run();
    return peer;
  }

  @Test
  void messageIsPackedOnceHoweverOftenItIsPublished() {
    AtomicInteger packed = new AtomicInteger();
    Topic<String> second = Topic.of("second");
    for (int i = 0; i < 3; i++) {
      SlowPeer<String> peer =
          new SlowPeer<>(
              () -> new CountedTexts("shared", packed), (c, m) -> {}, OverflowPolicy.CLOSE);
      peers.add(peer);
      topic.subscribe(peer.connection());
      second.subscribe(peer.connection());
    }
    SharedMessage<String> message = SharedMessage.of("again");
    topic.publish(message);
    topic.publish(message);
    second.publish(message);
    message.release();
    for (SlowPeer<?> peer : peers) {
      assertThat(peer.texts()).containsExactly("again", "again", "again");
    }
    assertThat(packed).hasValue(1);
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 6, 0, 0, 0));
    assertThatThrownBy(() -> topic.publish(message))
        .isInstanceOf(IllegalReferenceCountException.class)
        .hasMessage("shared message retained after its release");
    assertThat(topic.counts().published()).isEqualTo(2);
  }

  @Test
  void lastReleaseReleasesTheMessage() {
    ByteBuf buffer = Unpooled.buffer().writeInt(1);
    SharedMessage<ByteBuf> message = SharedMessage.of(buffer);
    assertThat(message.message()).isSameAs(buffer);
    assertThat(message.size()).isEqualTo(4 + 96);
    assertThat(message.retain()).isSameAs(message);
    message.release();
    assertThat(buffer.refCnt()).isEqualTo(1);
    message.release();
    assertThat(buffer.refCnt()).isZero();
    assertThatThrownBy(message::release)
        .isInstanceOf(IllegalReferenceCountException.class)
        .hasMessage("shared message released too often");
    assertThatThrownBy(message::retain).isInstanceOf(IllegalReferenceCountException.class);
    assertThatThrownBy(() -> SharedMessage.of(buffer))
        .isInstanceOf(IllegalReferenceCountException.class);
  }

  @Test
  void messageOfOneConnectionIsRefused() {
    record Part() implements Unpublishable {}
    assertThatThrownBy(() -> SharedMessage.of(new Part()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "message: "
                + Part.class.getName()
                + " (expected: one that may go to many connections; send this one to each)");
  }

  @Test
  void messageNamesTheTopicOfItsLatestPublication() {
    SharedMessage<String> message = SharedMessage.of("1");
    assertThat(message).hasToString("a shared message");
    topic.publish(message);
    assertThat(message).hasToString("a message of topic news");
    message.release();
  }

  // Except.

  @Test
  void exceptedConnectionGetsNothing() {
    SlowPeer<String> first = subscriber();
    SlowPeer<String> second = subscriber();
    SharedMessage<String> shared = SharedMessage.of("3");
    topic.publish("1", first.connection());
    topic.publish("2");
    topic.publish(shared, second.connection());
    topic.publish("4", null);
    topic.publish("5", peer().connection()); // no subscriber
    shared.release();
    assertThat(first.texts()).containsExactly("2", "3", "4", "5");
    assertThat(second.texts()).containsExactly("1", "2", "4", "5");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(5, 8, 0, 0, 0));
  }

  @Test
  void messagesOfManySendersAreDeliveredAsOneBatch() {
    List<SlowPeer<String>> members = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      members.add(subscriber());
    }
    SlowPeer<String> first = members.get(0);
    AtomicInteger flushes = first.countFlushes();
    for (int i = 0; i < 40; i++) {
      topic.publish("of " + i % 4, members.get(i % 4).connection());
    }
    assertThat(first.texts()).hasSize(30).doesNotContain("of 0");
    assertThat(flushes).hasValue(1);
  }

  @Test
  void exceptedConnectionIsNotCountedAsOneThatMissesAMessage() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server =
            Server.builder(Texts::new, recorder).listen("127.0.0.1:0").eventLoops(1).start();
        RawPeer first = RawPeer.connect(server);
        RawPeer second = RawPeer.connect(server)) {
      Connection<String> sender = recorder.connection();
      topic.subscribe(sender, SlowConsumer.dropNewest());
      topic.subscribe(recorder.connection(), SlowConsumer.dropNewest());
      CompletableFuture<Void> started = new CompletableFuture<>();
      CompletableFuture<Void> busy = new CompletableFuture<>();
      sender.execute(
          () -> {
            started.complete(null);
            busy.join();
          });
      started.get(10, TimeUnit.SECONDS); // so both have joined
      assertThat(topic.hasRoom()).isTrue();
      SharedMessage<String> large = SharedMessage.of("x".repeat(1 << 20));
      int taken = 0;
      while (topic.publish(large)) {
        taken++;
        assertThat(topic.hasRoom()).isEqualTo(taken < 8);
      }
      assertThat(taken).isEqualTo(16);
      assertThat(Topic.of("other").hasRoom()).isTrue();
      assertThat(topic.counts().dropped()).isEqualTo(2);
      assertThat(topic.publish(large, sender)).isFalse();
      assertThat(topic.counts().dropped()).isEqualTo(3);
      large.release();
      first.reset();
      second.reset();
      busy.complete(null);
      Eventually.holds("there is room", topic::hasRoom);
    }
  }
}
