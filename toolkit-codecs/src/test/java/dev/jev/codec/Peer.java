package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Protocol;
import dev.jev.ProtocolException;
import dev.jev.test.TestContext;
import dev.jev.test.UnpackLoop;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;

/**
 * The peer of one protocol instance, without a network.
 *
 * <p>Text stands for bytes, one character per byte. Messages are kept as text, too, so that they
 * can be compared after the release of their buffers.
 */
final class Peer<I, O> implements AutoCloseable {

  static final int MAX_FRAME_BYTES = 100;

  /** The message of a refusal by the loop; a protocol has to refuse before. */
  private static final String LATE_REFUSAL =
      "frame: more than (\\d+) bytes \\(expected: <= (?!\\1\\)).*";

  private final TestContext context = new TestContext();
  private final List<String> messages = new ArrayList<>();
  private final UnpackLoop<I, O> loop;

  Peer(Protocol<I, O> protocol) {
    this(protocol, MAX_FRAME_BYTES);
  }

  Peer(Protocol<I, O> protocol, int maxFrameBytes) {
    context.maxFrameBytes(maxFrameBytes);
    loop = new UnpackLoop<>(protocol, context, message -> messages.add(text(message))).open();
  }

  /** Sends {@code bytes} to the protocol as one read. */
  Peer<I, O> sends(String bytes) {
    return sends(bytes, bytes::length);
  }

  Peer<I, O> sendsOneByOne(String bytes) {
    return sends(bytes, () -> 1);
  }

  private Peer<I, O> sends(String bytes, IntSupplier lengths) {
    loop.read(bytes.getBytes(ISO_8859_1), lengths);
    ProtocolException refusal = loop.refusal();
    if (refusal == null) {
      assertThat(context.closeReason()).isNull();
    } else {
      assertThat(refusal.getMessage()).doesNotMatch(LATE_REFUSAL);
    }
    return this;
  }

  /** The messages so far. */
  List<String> messages() {
    return messages;
  }

  /** The bytes that the protocol wrote unprompted, and the reason of its refusal. */
  String refusal() {
    StringBuilder text = new StringBuilder();
    context.written().forEach(bytes -> text.append(new String(bytes, ISO_8859_1)));
    ProtocolException refusal = loop.refusal();
    return text + (refusal == null ? "" : "!" + refusal.getMessage());
  }

  /** Packs a message the way the framework does. */
  String receives(O message) {
    return new String(loop.pack(message), ISO_8859_1);
  }

  int unreadBytes() {
    return loop.unreadBytes();
  }

  /** The context of the protocol, for a test that calls a protocol itself. */
  TestContext context() {
    return context;
  }

  /** Checks that nothing is left, and that the protocol used neither timers nor attributes. */
  @Override
  public void close() {
    loop.close();
    assertThat(context.clock().pendingTasks()).as("timers").isZero();
    assertThat(context.attributes()).isEmpty();
  }

  private static String text(Object message) {
    return message instanceof ByteBuf bytes ? bytes.toString(ISO_8859_1) : message.toString();
  }
}
