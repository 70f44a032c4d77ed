package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.Topic;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Mapped protocols with functions of an object, and a topic. */
@Timeout(60)
class MappedTest {

  private static final int CONNECTIONS = 20;
  private static final int MESSAGES = 100;

  private record Note(String text) {}

  private final AtomicInteger packs = new AtomicInteger();
  private final AtomicInteger received = new AtomicInteger();

  private static Note decode(ByteBuf payload) {
    return new Note(payload.toString(UTF_8));
  }

  private ByteBuf encode(Note note) {
    packs.incrementAndGet();
    return Unpooled.copiedBuffer(note.text(), UTF_8);
  }

  /** Publishes the messages to all connections, and returns how often one was encoded. */
  private int packsOf(Supplier<Protocol<Note, Note>> protocols) throws Exception {
    Topic<Note> topic = Topic.of("notes");
    Handler<Note, Note> subscriber =
        new Handler<>() {
          @Override
          public void onConnect(Connection<Note> connection) {
            topic.subscribe(connection);
          }

          @Override
          public void onMessage(Connection<Note> connection, Note message) {}
        };
    Handler<String, String> counter = (connection, text) -> received.incrementAndGet();
    List<Client<String>> clients = new ArrayList<>();
    try (Server server =
        Server.builder(protocols, subscriber).eventLoops(2).listen("tcp://127.0.0.1:0").start()) {
      for (int i = 0; i < CONNECTIONS; i++) {
        clients.add(
            Client.builder(() -> Protocols.strings(Protocols.lengthPrefixed(), UTF_8), counter)
                .connect("tcp://127.0.0.1:" + server.port()));
      }
      Eventually.holds("all subscribed", () -> topic.size() == CONNECTIONS);
      for (int i = 0; i < MESSAGES; i++) {
        topic.publish(new Note("note " + i));
      }
      Eventually.holds("all received", () -> received.get() == CONNECTIONS * MESSAGES);
    } finally {
      clients.forEach(Client::close);
    }
    return packs.get();
  }

  @Test
  void topicEncodesAMessageOnceForAllConnections() throws Exception {
    assertThat(
            packsOf(Protocols.mapped(Protocols::lengthPrefixed, MappedTest::decode, this::encode)))
        .isEqualTo(MESSAGES);
  }

  /** The trap: {@code this::encode} is another object for each connection. */
  @Test
  void functionOfEachConnectionEncodesForEach() throws Exception {
    assertThat(packsOf(() -> Protocols.lengthPrefixed().map(MappedTest::decode, this::encode)))
        .isEqualTo(CONNECTIONS * MESSAGES);
  }

  @Test
  void factoryAndFunctionsAreRequired() {
    Function<ByteBuf, ByteBuf> same = Function.identity();
    assertThatNullPointerException()
        .isThrownBy(() -> Protocols.mapped(null, same, same))
        .withMessage("protocols");
    Supplier<Protocol<ByteBuf, ByteBuf>> frames = Protocols::lengthPrefixed;
    assertThatNullPointerException()
        .isThrownBy(() -> Protocols.mapped(frames, null, same))
        .withMessage("decode");
    assertThatNullPointerException()
        .isThrownBy(() -> Protocols.mapped(frames, same, null))
        .withMessage("encode");
  }
}
