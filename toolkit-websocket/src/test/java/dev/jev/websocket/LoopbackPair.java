package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.test.TestContext;
import dev.jev.test.UnpackLoop;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** One way from a sender to a receiver, without handshake and network: the test carries bytes. */
final class LoopbackPair implements AutoCloseable {

  private final TestContext context = new TestContext().maxFrameBytes(1 << 24); // the receiver's
  private final WebSocketProtocol protocol; // the receiver's
  private final UnpackLoop<WebSocketMessage, WebSocketMessage> sender;
  private final UnpackLoop<WebSocketMessage, WebSocketMessage> receiver;
  private Consumer<WebSocketMessage> messages = message -> {};

  /** A lane on which messages are compressed as was agreed, or not if null. */
  LoopbackPair(Role sender, @Nullable PermessageDeflate agreed, int maxMessageBytes) {
    this(
        sender,
        agreed,
        new MessageLimits(maxMessageBytes, 1 << 20, /* streaming= */ false, /* textOnly= */ false)
            .newReader());
  }

  LoopbackPair(Role sender, @Nullable PermessageDeflate agreed, MessageReader messages) {
    Role other = sender == Role.CLIENT ? Role.SERVER : Role.CLIENT;
    PermessageDeflate seen =
        agreed == null
            ? null
            : new PermessageDeflate(
                agreed.options(),
                agreed.peerTakeover(),
                agreed.peerWindowBits(),
                agreed.ownTakeover(),
                agreed.ownWindowBits());
    MessageReader unused =
        new MessageLimits(1, 1, /* streaming= */ false, /* textOnly= */ false).newReader();
    this.sender =
        new UnpackLoop<>(
            new WebSocketProtocol(sender, opened(agreed), ControlPolicy.CLIENT, unused),
            new TestContext(),
            message -> {});
    protocol = new WebSocketProtocol(other, opened(seen), ControlPolicy.CLIENT, messages);
    receiver = new UnpackLoop<>(protocol, context, message -> this.messages.accept(message));
    this.sender.open();
    receiver.open();
  }

  /** A handshake that is over at once. */
  static Opening opened(@Nullable PermessageDeflate agreed) {
    return new Opening() {
      @Override
      public void begin(ProtocolContext context, Runnable opened) {
        opened.run();
      }

      @Override
      public void read(ProtocolContext context, ByteBuf in) {
        throw new AssertionError("opened already");
      }

      @Override
      public @Nullable PermessageDeflate compression() {
        return agreed;
      }
    };
  }

  /** The bytes of a message; a payload is released. */
  byte[] pack(WebSocketMessage message) {
    return sender.pack(message);
  }

  static byte[] bytes(ByteBuf buffer) {
    byte[] bytes = new byte[buffer.readableBytes()];
    buffer.getBytes(buffer.readerIndex(), bytes);
    return bytes;
  }

  /** Lets the receiver read bytes; each message is given away, and released afterwards. */
  void read(byte[] bytes, Consumer<WebSocketMessage> messages) {
    read(bytes, () -> bytes.length, messages);
  }

  /** Lets the receiver read bytes in pieces of random sizes; returns what the messages say. */
  List<byte[]> read(byte[] bytes, Random random, int maxPiece) {
    List<byte[]> contents = new ArrayList<>();
    read(bytes, () -> 1 + random.nextInt(maxPiece), m -> contents.add(content(m)));
    return contents;
  }

  private void read(byte[] bytes, IntSupplier lengths, Consumer<WebSocketMessage> messages) {
    this.messages = messages;
    receiver.read(bytes, lengths);
    ProtocolException refusal = receiver.refusal();
    if (refusal != null) {
      throw refusal;
    }
  }

  static byte[] content(WebSocketMessage message) {
    return bytes(((WebSocketMessage.Payload) message).content());
  }

  /** The bytes that the receiver wrote: a close frame, for example. */
  byte[] written() {
    return context.takeWritten();
  }

  @Override
  public void close() {
    for (var end : List.of(sender, receiver)) {
      end.closeNow(CloseReason.of(CloseReason.Kind.IO_ERROR));
      end.close();
    }
    assertThat(protocol.pendingMessages()).isZero();
  }
}
