package dev.jev.test;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.SharedMessage;
import dev.jev.SlowConsumer;
import dev.jev.Subscription;
import dev.jev.Topic;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Topics with connections in memory; InMemoryConnectionTest compares them with real ones. */
class InMemoryTopicTest {

  private final List<String> presence = new ArrayList<>();
  private final Topic<String> topic =
      Topic.of(
          "news",
          new Topic.Observer<>() {
            @Override
            public void onJoin(Connection<String> connection) {
              presence.add("joined");
            }

            @Override
            public void onLeave(Connection<String> connection) {
              presence.add("left");
            }
          });

  /** A chat: each message goes to all connections. */
  private final Handler<String, String> chat =
      new Handler<>() {
        @Override
        public void onConnect(Connection<String> connection) {
          topic.subscribe(connection);
        }

        @Override
        public void onMessage(Connection<String> connection, String message) {
          topic.publish(message);
        }
      };

  private InMemoryConnection<String, String> open() {
    return InMemoryConnection.<String, String>to(chat).open();
  }

  @Test
  void messagesOfOneConnectionReachAll() {
    InMemoryConnection<String, String> ann = open();
    InMemoryConnection<String, String> bob = open();
    ann.receive("hello");
    bob.receive("hi");
    assertThat(ann.sent()).containsExactly("hello", "hi");
    assertThat(bob.sent()).containsExactly("hello", "hi");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 4, 0, 0, 0));
  }

  @Test
  void messageThatTheTestPublishesIsSent() {
    InMemoryConnection<String, String> connection = open();
    assertThat(topic.publish("news")).isTrue();
    assertThat(connection.sent()).containsExactly("news");
  }

  @Test
  void connectionThatEndsIsNoSubscriber() {
    InMemoryConnection<String, String> closes = open();
    InMemoryConnection<String, String> resets = open();
    InMemoryConnection<String, String> detaches = open();
    InMemoryConnection<String, String> stays = open();
    assertThat(topic.size()).isEqualTo(4);
    closes.peerCloses();
    resets.peerResets();
    detaches.detach(new ChannelInboundHandlerAdapter());
    assertThat(presence)
        .containsExactly("joined", "joined", "joined", "joined", "left", "left", "left");
    List<Connection<String>> subscribers = new ArrayList<>();
    topic.forEach(subscribers::add);
    assertThat(subscribers).containsExactly(stays);
    assertThat(topic.contains(closes)).isFalse();
    assertThat(topic.unsubscribe(closes)).isFalse();
    topic.publish("news");
    assertThat(stays.sent()).containsExactly("news");
    assertThat(closes.sent()).isEmpty();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(1, 1, 0, 0, 0));
  }

  @Test
  void connectionThatIsNotOpenCannotSubscribe() {
    InMemoryConnection<String, String> connection = InMemoryConnection.to((c, message) -> {});
    assertThat(topic.subscribe(connection).isActive()).isFalse();
    connection.open().close();
    assertThat(topic.subscribe(connection).isActive()).isFalse();
    connection.run();
    assertThat(presence).isEmpty();
    assertThat(topic.size()).isZero();
  }

  @Test
  void subscriberIsNeverTooSlow() {
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to((c, message) -> {}).open();
    Subscription subscription = topic.subscribe(connection, SlowConsumer.close());
    connection.block();
    for (int i = 0; i < 1000; i++) {
      topic.publish("news");
    }
    assertThat(connection.unblock().sent()).hasSize(1000);
    assertThat(subscription.pendingBytes()).isZero();
    assertThat(subscription.conflated()).isZero();
    assertThat(connection.isOpen()).isTrue();
  }

  @Test
  void messageThatIsPublishedBeforeTheCloseIsSent() {
    InMemoryConnection<String, String> connection = open();
    Subscription subscription = topic.subscribe(connection);
    topic.publish("in time");
    connection.close();
    topic.publish("too late");
    assertThat(connection.sent()).containsExactly("in time");
    assertThat(subscription.dropped()).isZero();
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 1, 0, 0, 0));
  }

  @Test
  void messageThatIsPublishedBeforeCloseNowIsDropped() {
    InMemoryConnection<String, String> connection = open();
    Subscription subscription = topic.subscribe(connection);
    topic.publish("lost");
    connection.closeNow();
    assertThat(connection.sent()).isEmpty();
    assertThat(subscription.dropped()).isEqualTo(1);
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(1, 0, 1, 0, 0));
  }

  private static InMemoryConnection<String, String> silent() {
    return InMemoryConnection.<String, String>to((connection, message) -> {}).open();
  }

  @Test
  void retainedMessagesAreSentFirst() {
    Topic<String> last = topic.retaining(2);
    last.publish("1");
    last.publish("2");
    last.publish("3");
    InMemoryConnection<String, String> connection = silent();
    last.subscribe(connection);
    last.publish("4");
    last.subscribe(connection);
    assertThat(connection.sent()).containsExactly("2", "3", "4");
    assertThat(presence).containsExactly("joined");
    assertThat(last.counts()).isEqualTo(new Topic.Counts(4, 3, 0, 0, 0));
    last.clearRetained();
  }

  @Test
  void listOrSnapshotIsSentFirst() {
    InMemoryConnection<String, String> ann = silent();
    InMemoryConnection<String, String> bob = silent();
    SharedMessage<String> missed = SharedMessage.of("missed");
    topic.subscribe(ann, SlowConsumer.close(), List.of(missed));
    missed.release();
    topic.update(
        () -> {
          topic.subscribe(bob, SlowConsumer.close(), () -> List.of("state"));
          return "change";
        });
    assertThat(ann.sent()).containsExactly("missed", "change");
    assertThat(bob.sent()).containsExactly("state", "change");
  }

  @Test
  void connectionThatIsClosedGetsNoSnapshot() {
    InMemoryConnection<String, String> connection = silent();
    connection.close();
    Subscription subscription =
        topic.subscribe(
            connection,
            SlowConsumer.close(),
            () -> {
              throw new AssertionError("called");
            });
    assertThat(subscription.isActive()).isFalse();
  }

  @Test
  void exceptedConnectionGetsNothing() {
    InMemoryConnection<String, String> ann = open();
    InMemoryConnection<String, String> bob = open();
    topic.publish("1", ann);
    SharedMessage<String> shared = SharedMessage.of("2");
    topic.publish(shared, bob);
    topic.publish(shared);
    shared.release();
    assertThat(ann.sent()).containsExactly("2", "2");
    assertThat(bob.sent()).containsExactly("1", "2");
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(3, 4, 0, 0, 0));
    assertThat(topic.hasRoom()).isTrue();
  }

  @Test
  void retainedBufferIsSentToEachThatJoins() {
    Topic<ByteBuf> buffers = Topic.<ByteBuf>of("buffers").retaining(1);
    ByteBuf kept = buffer("kept");
    buffers.publish(kept);
    InMemoryConnection<ByteBuf, ByteBuf> connection =
        InMemoryConnection.<ByteBuf, ByteBuf>to((c, message) -> {}).open();
    buffers.subscribe(connection);
    assertThat(connection.sent()).containsExactly(kept);
    assertThat(kept.refCnt()).isEqualTo(2);
    connection.releaseSent();
    buffers.clearRetained();
    assertThat(kept.refCnt()).isZero();
  }

  private static ByteBuf buffer(String text) {
    return PooledByteBufAllocator.DEFAULT.buffer().writeBytes(text.getBytes(UTF_8));
  }

  @Test
  void receivedBufferMayBePublishedOrSentToOthers() {
    Topic<ByteBuf> buffers = Topic.of("buffers");
    InMemoryConnection<ByteBuf, ByteBuf> other =
        InMemoryConnection.<ByteBuf, ByteBuf>to((c, message) -> {}).open();
    InMemoryConnection<ByteBuf, ByteBuf> connection =
        InMemoryConnection.<ByteBuf, ByteBuf>to(
                (c, message) -> {
                  if (message.readableBytes() == 4) {
                    other.send(message);
                  } else {
                    buffers.publish(message);
                  }
                })
            .open();
    buffers.subscribe(connection);
    buffers.subscribe(other);
    ByteBuf sent = buffer("sent");
    ByteBuf published = buffer("published");
    connection.receive(sent).receive(published);
    assertThat(sent.refCnt()).isEqualTo(1);
    assertThat(published.refCnt()).isEqualTo(2);
    assertThat(other.sent()).containsExactly(sent, published);
    other.releaseSent();
    assertThat(sent.refCnt()).isZero();
    connection.releaseSent();
    assertThat(published.refCnt()).isZero();
  }

  @Test
  void publishedBufferIsReleasedWhereNoSubscriberTakesIt() {
    Topic<ByteBuf> buffers = Topic.of("buffers");
    InMemoryConnection<ByteBuf, ByteBuf> connection =
        InMemoryConnection.<ByteBuf, ByteBuf>to((c, message) -> {}).open();
    ByteBuf unwanted = buffer("none");
    buffers.publish(unwanted);
    assertThat(unwanted.refCnt()).isZero();
    buffers.subscribe(connection);
    ByteBuf late = buffer("too late");
    buffers.publish(late);
    connection.closeNow();
    assertThat(late.refCnt()).isZero();
  }
}
