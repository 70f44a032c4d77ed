package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.util.AbstractReferenceCounted;
import io.netty.util.ReferenceCounted;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Closes during which application code throws an error at each possible place. */
class ClosingPathTest {

  /** A place where application code throws while a connection closes. */
  private enum Fault {
    ON_CLOSE,
    PROTOCOL_CLOSE,
    AWAIT_PEER_CLOSE,
    PACK,
    RELEASE,
    ENCODING_KEY,
    ON_LEAVE,
    OBSERVER_ENDING,
    OBSERVER_RESUMED,
    OBSERVER_CLOSED,
    CONTINUATION;

    private void trigger(Fault place) {
      if (this == place) {
        throw new LinkageError("on purpose: " + place);
      }
    }
  }

  /** A text whose release fails if that is the fault. */
  private static final class Message extends AbstractReferenceCounted implements Sized {
    private final String text;
    private final Fault fault;

    private Message(String text, Fault fault) {
      this.text = text;
      this.fault = fault;
    }

    @Override
    public long sizeBytes() {
      return text.length();
    }

    @Override
    protected void deallocate() {
      fault.trigger(Fault.RELEASE);
    }

    @Override
    public ReferenceCounted touch(Object hint) {
      return this;
    }
  }

  private record FaultyProtocol(Fault fault, Texts texts) implements Protocol<String, Message> {

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(Message message, ByteBuf out) {
      fault.trigger(Fault.PACK);
      texts.pack(message.text, out);
    }

    @Override
    public @Nullable Object encodingKey() {
      fault.trigger(Fault.ENCODING_KEY);
      return null;
    }

    @Override
    public void close(ProtocolContext context, CloseReason reason) {
      fault.trigger(Fault.PROTOCOL_CLOSE);
    }

    @Override
    public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
      fault.trigger(Fault.AWAIT_PEER_CLOSE);
      return true;
    }
  }

  private static final class FaultyPlugin implements Plugin, Plugin.Observer {
    private final Fault fault;
    private final Queue<String> events;

    private FaultyPlugin(Fault fault, Queue<String> events) {
      this.fault = fault;
      this.events = events;
    }

    @Override
    public Observer install(Link link) {
      return this;
    }

    @Override
    public @Nullable ChannelFuture ending() {
      fault.trigger(Fault.OBSERVER_ENDING);
      return null;
    }

    @Override
    public void resumed() {
      fault.trigger(Fault.OBSERVER_RESUMED);
    }

    @Override
    public void closed(CloseReason reason) {
      events.add("closed");
      fault.trigger(Fault.OBSERVER_CLOSED);
    }
  }

  /** A handler that has everything pending when its connection closes. */
  private static final class Busy implements Handler<String, Message> {
    private final Fault fault;
    private final Queue<String> events;
    private final Topic<Message> topic;

    private Busy(Fault fault, Queue<String> events) {
      this.fault = fault;
      this.events = events;
      this.topic =
          Topic.of(
              "news",
              new Topic.Observer<>() {
                @Override
                public void onLeave(Connection<Message> connection) {
                  events.add("onLeave");
                  fault.trigger(Fault.ON_LEAVE);
                }
              });
    }

    @Override
    public void onConnect(Connection<Message> connection) {
      topic.subscribe(connection, SlowConsumer.dropOldest());
    }

    @Override
    public void onMessage(Connection<Message> connection, String how) {
      if (fault != Fault.PACK) {
        connection
            .deliver(new Message("x".repeat(4_000_000), fault)) // the peer does not read it
            .written()
            .whenComplete((written, failure) -> fault.trigger(Fault.CONTINUATION));
      }
      topic.publish(new Message("published", fault));
      Thread sender = new Thread(() -> connection.send(new Message("in the mailbox", fault)));
      sender.start();
      connection.runAfter(
          Duration.ofMillis(20),
          () -> {
            if (how.equals("close")) {
              connection.close();
            } else if (how.equals("closeNow")) {
              connection.closeNow();
            } else {
              throw new IllegalStateException("on purpose");
            }
          });
    }

    @Override
    public void onClose(Connection<Message> connection, CloseReason reason) {
      events.add("onClose");
      fault.trigger(Fault.ON_CLOSE);
    }
  }

  @ParameterizedTest
  @EnumSource(Fault.class)
  void everyStepOfTheCloseIsReached(Fault fault) throws Exception {
    for (String how : new String[] {"close", "closeNow", "fail"}) {
      Queue<String> events = new ConcurrentLinkedQueue<>();
      try (LogCapture log = new LogCapture("dev.jev")) {
        Server server =
            Server.builder(() -> new FaultyProtocol(fault, new Texts()), new Busy(fault, events))
                .listen("127.0.0.1:0")
                .eventLoops(1)
                .maxPendingBytes(16 << 20)
                .closeTimeout(Duration.ofMillis(100))
                .lingeringCloseTimeout(Duration.ofMillis(100))
                .plugin(new FaultyPlugin(fault, events))
                .start();
        try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
          peer.send(how);
          Eventually.holds("closed by " + how, () -> events.contains("closed"));
          Eventually.holds("none is counted", () -> server.connectionCount() == 0);
        }
        try (RawPeer peer = RawPeer.connect(server)) { // the loop still works
          Eventually.holds("the next one is counted", () -> server.connectionCount() == 1);
          peer.shutdownOutput();
          peer.expectEnd();
        }
        long start = System.nanoTime();
        server.stop(Duration.ofMinutes(1));
        server.awaitStop();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
        assertThat(events)
            .as(how)
            .containsExactly("onLeave", "onClose", "closed", "onLeave", "onClose", "closed");
        assertThat(log.records()).as(how).allMatch(record -> record.getMessage() != null);
        if (fault == Fault.PROTOCOL_CLOSE && !how.equals("fail")) { // which is logged in its place
          assertThat(log.messages("protocol failed in close")).as(how).isNotEmpty();
        }
      }
    }
  }
}
