package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.DeadlineWheel;
import dev.jev.ProtocolContext;
import dev.jev.ScheduledTask;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledDirectByteBuf;
import java.io.ByteArrayOutputStream;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One way from a sender to a receiver, without handshake and network: the test carries bytes. */
final class LoopbackPair implements AutoCloseable {

  /** A wheel that does not turn. */
  static final DeadlineWheel STANDSTILL =
      new DeadlineWheel(Duration.ofMillis(1), System::nanoTime, (task, delay) -> () -> {});

  private final WebSocketProtocol sender;
  private final WebSocketProtocol receiver;
  private final FakeWire wire = new FakeWire();
  private ByteBuf unread = Unpooled.EMPTY_BUFFER;

  /** A lane on which messages are compressed as was agreed, or not if null. */
  LoopbackPair(Role sender, @Nullable PermessageDeflate agreed, int maxMessageBytes) {
    this(sender, agreed, new MessageReader(maxMessageBytes, 1 << 20, /* streaming= */ false));
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
    MessageReader unused = new MessageReader(1, 1, /* streaming= */ false);
    this.sender = new WebSocketProtocol(sender, opened(agreed), ControlPolicy.CLIENT, unused);
    this.receiver = new WebSocketProtocol(other, opened(seen), ControlPolicy.CLIENT, messages);
    this.sender.open(wire);
    receiver.open(wire);
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

  /** What stands on the wire for a message. */
  byte[] pack(WebSocketMessage message) {
    ByteBuf out = buffer(64);
    try {
      sender.pack(message, out);
      ByteBuf tail = sender.zeroCopyTail(message);
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      bytes.writeBytes(bytes(out));
      bytes.writeBytes(tail == null ? new byte[0] : bytes(tail));
      return bytes.toByteArray();
    } finally {
      out.release();
      if (message instanceof WebSocketMessage.Payload payload) {
        payload.release();
      }
    }
  }

  /** A buffer whose bytes nobody counts: leak detection makes each access slow. */
  private static ByteBuf buffer(int capacity) {
    return new UnpooledDirectByteBuf(ByteBufAllocator.DEFAULT, capacity, 1 << 24);
  }

  static byte[] bytes(ByteBuf buffer) {
    byte[] bytes = new byte[buffer.readableBytes()];
    buffer.getBytes(buffer.readerIndex(), bytes);
    return bytes;
  }

  /** Lets the receiver read bytes; each message is given away, and released afterwards. */
  void read(byte[] bytes, Consumer<WebSocketMessage> messages) {
    ByteBuf in = buffer(unread.readableBytes() + bytes.length);
    in.writeBytes(unread).writeBytes(bytes);
    unread.release();
    unread = in;
    while (in.isReadable() || receiver.pendingMessages() > 0) {
      WebSocketMessage message = receiver.unpack(wire, in);
      if (message == null) {
        return;
      }
      messages.accept(message);
      ((WebSocketMessage.Payload) message).release();
    }
  }

  /** Lets the receiver read bytes in pieces of random sizes; returns what the messages say. */
  List<byte[]> read(byte[] bytes, Random random, int maxPiece) {
    List<byte[]> contents = new ArrayList<>();
    for (int from = 0; from < bytes.length; ) {
      int to = Math.min(from + 1 + random.nextInt(maxPiece), bytes.length);
      read(Arrays.copyOfRange(bytes, from, to), m -> contents.add(content(m)));
      from = to;
    }
    return contents;
  }

  static byte[] content(WebSocketMessage message) {
    return bytes(((WebSocketMessage.Payload) message).content());
  }

  /** What the receiver wrote: a close frame, for example. */
  byte[] written() {
    return wire.written.toByteArray();
  }

  @Override
  public void close() {
    unread.release();
    CloseReason reason = CloseReason.of(CloseReason.Kind.IO_ERROR);
    sender.close(wire, reason);
    receiver.close(wire, reason);
    assertThat(receiver.pendingMessages()).isZero();
  }

  private static final class FakeWire implements ProtocolContext {

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();

    @Override
    public void ready() {}

    @Override
    public boolean isReady() {
      return true;
    }

    @Override
    public void write(ByteBuf bytes) {
      written.writeBytes(LoopbackPair.bytes(bytes));
      bytes.release();
    }

    @Override
    public void close(CloseReason reason) {}

    @Override
    public void closeNow(CloseReason reason) {}

    @Override
    public ScheduledTask runAfter(Duration delay, Runnable task) {
      throw new AssertionError("no time here");
    }

    @Override
    public DeadlineWheel deadlineWheel(Duration span) {
      return STANDSTILL;
    }

    @Override
    public long readingSince() {
      return STANDSTILL.now();
    }

    @Override
    public <T> void attribute(Class<T> type, @Nullable T value) {}

    @Override
    public <T> @Nullable T attribute(Class<T> type) {
      return null;
    }

    @Override
    public @Nullable SocketAddress remoteAddress() {
      return null;
    }

    @Override
    public int maxFrameBytes() {
      return 1 << 24;
    }
  }
}
