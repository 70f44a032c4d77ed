package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.DeadlineWheel;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.ScheduledTask;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ReferenceCountUtil;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The peer of one protocol instance: what the framework does with bytes, without a network.
 *
 * <p>Text stands for bytes, one character for each. Messages are kept as text, too, so that they
 * can be compared after the buffers are gone.
 */
final class Peer<I, O> implements ProtocolContext, AutoCloseable {

  static final int MAX_FRAME_BYTES = 100;

  private final Protocol<I, O> protocol;
  private final int maxFrameBytes;
  private final ByteBuf in = Unpooled.buffer();
  private final List<String> messages = new ArrayList<>();
  private final StringBuilder written = new StringBuilder();
  private @Nullable ProtocolException refusal;

  Peer(Protocol<I, O> protocol) {
    this(protocol, MAX_FRAME_BYTES);
  }

  Peer(Protocol<I, O> protocol, int maxFrameBytes) {
    this.protocol = protocol;
    this.maxFrameBytes = maxFrameBytes;
    protocol.open(this);
  }

  /** Sends {@code bytes} to the protocol as one read. */
  Peer<I, O> sends(String bytes) {
    in.discardReadBytes();
    in.writeBytes(bytes.getBytes(ISO_8859_1));
    while (refusal == null && (in.isReadable() || protocol.pendingMessages() > 0)) {
      int before = in.readableBytes() + protocol.pendingMessages();
      I message;
      try {
        message = protocol.unpack(this, in);
      } catch (ProtocolException e) {
        refusal = e;
        return this;
      }
      if (message == null) {
        assertThat(in.readableBytes()).as("unread bytes").isLessThanOrEqualTo(maxFrameBytes);
        return this;
      }
      int after = in.readableBytes();
      assertThat(after).as("unread bytes").isLessThan(before);
      messages.add(text(message));
      ReferenceCountUtil.release(message);
    }
    return this;
  }

  Peer<I, O> sendsOneByOne(String bytes) {
    for (int i = 0; i < bytes.length(); i++) {
      sends(bytes.substring(i, i + 1));
    }
    return this;
  }

  /** The messages so far. */
  List<String> messages() {
    return messages;
  }

  /** What the protocol wrote of its own accord, and why it refused to go on. */
  String refusal() {
    return written + (refusal == null ? "" : "!" + refusal.getMessage());
  }

  /** Packs a message the way the framework does. */
  String receives(O message) {
    ByteBuf out = Unpooled.buffer();
    try {
      protocol.pack(message, out);
      ByteBuf tail = protocol.zeroCopyTail(message);
      return out.toString(ISO_8859_1) + (tail == null ? "" : tail.toString(ISO_8859_1));
    } finally {
      out.release();
      ReferenceCountUtil.release(message);
    }
  }

  int unreadBytes() {
    return in.readableBytes();
  }

  @Override
  public void ready() {}

  @Override
  public boolean isReady() {
    return true;
  }

  @Override
  public void write(ByteBuf bytes) {
    written.append(bytes.toString(ISO_8859_1));
    bytes.release();
  }

  @Override
  public void closeNow(CloseReason reason) {
    throw new AssertionError("closeNow " + reason);
  }

  @Override
  public DeadlineWheel deadlineWheel(Duration span) {
    throw new AssertionError("wheel of " + span);
  }

  @Override
  public long readingSince() {
    throw new AssertionError("readingSince");
  }

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    throw new AssertionError("a timer of " + delay);
  }

  @Override
  public <T> void attribute(Class<T> type, @Nullable T value) {
    throw new AssertionError("attribute " + type);
  }

  @Override
  public <T> @Nullable T attribute(Class<T> type) {
    throw new AssertionError("attribute");
  }

  @Override
  public @Nullable SocketAddress remoteAddress() {
    throw new AssertionError("remoteAddress");
  }

  @Override
  public int maxFrameBytes() {
    return maxFrameBytes;
  }

  @Override
  public void close(CloseReason reason) {
    throw new AssertionError("close " + reason);
  }

  @Override
  public void close() {
    protocol.close(this, CloseReason.of(CloseReason.Kind.PEER_CLOSED));
    assertThat(in.refCnt()).as("references to the input").isEqualTo(1);
    in.release();
  }

  private static String text(Object message) {
    return message instanceof ByteBuf bytes ? bytes.toString(ISO_8859_1) : message.toString();
  }
}
