package dev.jev.test;

import static io.netty.buffer.Unpooled.wrappedBuffer;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The loop on its own; {@link UnpackLoopEquivalenceTest} compares it with the framework's. */
class UnpackLoopTest {

  private final TestContext context = new TestContext();
  private final List<String> messages = new ArrayList<>();

  private <O> UnpackLoop<String, O> open(Protocol<String, O> protocol) {
    return new UnpackLoop<>(protocol, context, messages::add).open();
  }

  private static String text(byte[] bytes) {
    return new String(bytes, US_ASCII);
  }

  /** Each byte is a command; see {@link #unpack}. */
  private static class Commands implements Protocol<String, String> {

    int pending;

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      if (pending > 0) {
        pending--;
        return "pending";
      }
      char command = (char) in.readByte();
      switch (command) {
        case 'c' -> context.close();
        case 'n' -> context.closeNow(CloseReason.of(Kind.TIMEOUT));
        case 'p' -> pending = 2;
        case 'x' -> throw new ProtocolException("command: x");
        case 'f' -> throw new IllegalStateException("failed");
        default -> {
          return "" + command;
        }
      }
      return command == 'p' ? null : "" + command;
    }

    @Override
    public int pendingMessages() {
      return pending;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      out.writeCharSequence(message, US_ASCII);
    }

    @Override
    public void close(ProtocolContext context, CloseReason reason) {
      context.write(wrappedBuffer("bye".getBytes(US_ASCII)));
    }
  }

  @Test
  void protocolThatEndsTheTurnIsCalledAgain() {
    Protocol<String, String> hesitant =
        new Commands() {
          private boolean hesitated;

          @Override
          public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
            hesitated = !hesitated;
            if (hesitated) {
              context.yieldTurn();
              return null;
            }
            return super.unpack(context, in);
          }
        };
    try (var loop = open(hesitant)) {
      loop.read("ab".getBytes(US_ASCII));
      assertThat(messages).containsExactly("a", "b");
    }
  }

  @Test
  void messageIsDeliveredWithItsLastByte() {
    try (UnpackLoop<String, String> loop = open(new ShortTexts())) {
      loop.read(Hex.bytes("02 68"));
      assertThat(messages).isEmpty();
      assertThat(loop.unreadBytes()).isEqualTo(2);
      loop.read(Hex.bytes("69 01 61 03"));
      assertThat(messages).containsExactly("hi", "a");
      assertThat(loop.unreadBytes()).isEqualTo(1);
      assertThat(loop.read(Hex.bytes("626364"), () -> 1).unreadBytes()).isZero();
      assertThat(messages).containsExactly("hi", "a", "bcd");
    }
    assertThat(context.closeReason()).hasToString("PEER_CLOSED");
  }

  @Test
  void readyTakesEffectAfterTheCall() {
    class Greeting extends ShortTexts {
      @Override
      public void open(ProtocolContext context) {}

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        if (context.isReady()) {
          return super.unpack(context, in);
        }
        in.skipBytes(1);
        context.ready();
        assertThat(context.isReady()).isFalse();
        return null;
      }
    }
    try (UnpackLoop<String, String> loop = open(new Greeting())) {
      assertThat(context.isReady()).isFalse();
      loop.read(Hex.bytes("00 01 61"));
      assertThat(context.isReady()).isTrue();
      assertThat(messages).containsExactly("a");
    }
  }

  @Test
  void handshakeMayConsumeItsBytesInSteps() {
    class Countdown extends ShortTexts {
      private int steps;

      @Override
      public void open(ProtocolContext context) {}

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        if (context.isReady()) {
          return super.unpack(context, in);
        }
        if (in.readByte() == 0) {
          context.ready();
        }
        steps++;
        return null;
      }
    }
    Countdown countdown = new Countdown();
    try (UnpackLoop<String, String> loop = open(countdown)) {
      loop.read(Hex.bytes("02 01 00 01 61"));
      assertThat(countdown.steps).isEqualTo(3);
      assertThat(messages).containsExactly("a");
    }
  }

  @Test
  void messageBeforeReadinessIsAFailure() {
    class Unready extends ShortTexts {
      @Override
      public void open(ProtocolContext context) {}
    }
    UnpackLoop<String, String> loop = open(new Unready()).read(Hex.bytes("01 61"));
    assertThat(messages).isEmpty();
    assertFailure(loop, "Unready returned a message before it was ready");
  }

  @Test
  void messageWithoutAByteIsAFailure() {
    class Endless extends ShortTexts {
      @Override
      public String unpack(ProtocolContext context, ByteBuf in) {
        return "again";
      }
    }
    UnpackLoop<String, String> loop = open(new Endless()).read(new byte[1]);
    assertThat(messages).isEmpty();
    assertFailure(loop, "Endless returned a message but consumed no bytes");
  }

  private void assertFailure(UnpackLoop<?, ?> loop, String why) {
    assertThat(context.closeReason().kind()).isEqualTo(Kind.PROTOCOL_ERROR);
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(loop::refusal)
        .withMessageStartingWith("protocol failed: ")
        .withMessageContaining(why)
        .withCause(context.closeReason().cause());
    assertThatExceptionOfType(AssertionError.class).isThrownBy(loop::close);
  }

  @Test
  void exceptionOfAnotherTypeIsAFailure() {
    UnpackLoop<String, String> loop = open(new Commands());
    loop.read("afb".getBytes(US_ASCII));
    assertThat(messages).containsExactly("a");
    assertThat(context.closeReason().cause()).isInstanceOf(IllegalStateException.class);
    assertFailure(loop, "java.lang.IllegalStateException: failed");
  }

  @Test
  void exceptionOfCloseIsAFailure() {
    class Sour extends ShortTexts {
      @Override
      public void close(ProtocolContext context, CloseReason reason) {
        throw new ProtocolException("sour");
      }
    }
    UnpackLoop<String, String> loop = open(new Sour());
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(loop::close)
        .withMessage("protocol failed: dev.jev.ProtocolException: sour");
  }

  @Test
  void protocolExceptionRefusesThePeer() {
    try (UnpackLoop<String, String> loop = open(new Commands())) {
      loop.read("axb".getBytes(US_ASCII));
      assertThat(messages).containsExactly("a");
      assertThat(loop.refusal()).hasMessage("command: x");
      assertThat(context.closeReason()).hasToString("PROTOCOL_ERROR: command: x");
      assertThat(context.takeWritten()).asString().isEqualTo("bye");
      loop.read("c".getBytes(US_ASCII));
      assertThat(messages).containsExactly("a");
    }
  }

  @Test
  void frameLongerThanTheLimitIsRefused() {
    context.maxFrameBytes(4);
    try (UnpackLoop<String, String> loop = open(new ShortTexts())) {
      loop.read(Hex.bytes("09 616161"));
      assertThat(loop.refusal()).isNull();
      loop.read(Hex.bytes("61"));
      assertThat(loop.refusal()).hasMessage("frame: more than 5 bytes (expected: <= 4)");
      assertThat(context.closeReason().kind()).isEqualTo(Kind.PROTOCOL_ERROR);
    }
  }

  @Test
  void pendingMessagesAreUnpackedWithoutBytes() {
    try (UnpackLoop<String, String> loop = open(new Commands())) {
      loop.read("p".getBytes(US_ASCII));
      assertThat(messages).isEmpty();
      loop.read("a".getBytes(US_ASCII));
      assertThat(messages).containsExactly("pending", "pending", "a");
    }
  }

  @Test
  void timerMayLeaveMessages() {
    Commands protocol = new Commands();
    try (UnpackLoop<String, String> loop = open(protocol)) {
      context.runAfter(Duration.ofSeconds(1), () -> protocol.pending = 1);
      assertThat(messages).isEmpty();
      context.clock().advance(Duration.ofSeconds(1));
      assertThat(messages).containsExactly("pending");
      assertThat(loop.refusal()).isNull();
    }
  }

  @Test
  void exceptionOfATimerClosesTheConnection() {
    try (UnpackLoop<String, String> loop = open(new Commands())) {
      context.runAfter(
          Duration.ZERO,
          () -> {
            throw new ProtocolException("too late");
          });
      context.clock().advance(Duration.ZERO);
      assertThat(loop.refusal()).hasMessage("too late");
      assertThat(context.closeReason()).hasToString("PROTOCOL_ERROR: too late");
    }
  }

  @Test
  void timersRunUntilTheConnectionHasEnded() {
    UnpackLoop<String, String> loop = open(new Commands());
    context.runAfter(Duration.ZERO, () -> messages.add("timer"));
    loop.close(CloseReason.of(Kind.IDLE));
    context.clock().advance(Duration.ZERO);
    assertThat(messages).containsExactly("timer");
    context.runAfter(Duration.ZERO, () -> messages.add("late timer"));
    loop.close();
    context.runAfter(Duration.ZERO, () -> messages.add("late timer"));
    assertThat(context.clock().pendingTasks()).isZero();
    assertThat(context.closeReason()).hasToString("IDLE");
  }

  @Test
  void closeTakesEffectAfterTheCall() {
    try (UnpackLoop<String, String> loop = open(new Commands())) {
      loop.read("acb".getBytes(US_ASCII));
      assertThat(messages).containsExactly("a", "c");
      assertThat(context.takeWritten()).asString().isEqualTo("bye");
      assertThat(context.closeReason()).hasToString("CLOSED");
      assertThat(loop.unreadBytes()).isZero();
    }
  }

  @Test
  void closeNowDropsTheLastBytes() {
    try (UnpackLoop<String, String> loop = open(new Commands())) {
      loop.read("anb".getBytes(US_ASCII));
      assertThat(messages).containsExactly("a", "n");
      assertThat(context.takeWritten()).isEmpty();
      assertThat(context.closeReason()).hasToString("TIMEOUT");
      assertThat(loop.isAwaitingPeerClose()).isFalse();
    }
    TestContext lost = new TestContext();
    try (var loop = new UnpackLoop<>(new Commands(), lost, messages::add).open()) {
      loop.closeNow(CloseReason.of(Kind.IO_ERROR));
      assertThat(lost.takeWritten()).isEmpty();
      assertThat(lost.closeReason()).hasToString("IO_ERROR");
    }
  }

  /** A protocol that waits for a full stop of the peer. */
  private static final class Polite extends Commands {

    @Override
    public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
      boolean last = in.isReadable() && in.getByte(in.writerIndex() - 1) == '.';
      if (last) {
        in.skipBytes(in.readableBytes());
        context.write(wrappedBuffer(new byte[] {'!'}));
      }
      return last;
    }
  }

  @Test
  void peerHasItsPartInTheClose() {
    try (UnpackLoop<String, String> loop = open(new Polite())) {
      loop.read("acb".getBytes(US_ASCII));
      assertThat(loop.isAwaitingPeerClose()).isTrue();
      assertThat(loop.unreadBytes()).isEqualTo(1);
      loop.read("cde".getBytes(US_ASCII), () -> 1);
      assertThat(loop.isAwaitingPeerClose()).isTrue();
      loop.read(".f".getBytes(US_ASCII), () -> 1);
      assertThat(loop.isAwaitingPeerClose()).isFalse();
      assertThat(loop.unreadBytes()).isZero();
      assertThat(messages).containsExactly("a", "c");
      assertThat(context.takeWritten()).asString().isEqualTo("bye");
      assertThat(context.droppedWrites()).isEqualTo(1);
    }
  }

  @Test
  void lostConnectionDoesNotAwaitThePeer() {
    try (UnpackLoop<String, String> loop = open(new Polite())) {
      loop.close(CloseReason.of(Kind.CLOSED));
      assertThat(loop.isAwaitingPeerClose()).isTrue();
      loop.closeNow(CloseReason.of(Kind.IO_ERROR));
      assertThat(loop.isAwaitingPeerClose()).isFalse();
      assertThat(context.closeReason()).hasToString("CLOSED");
    }
  }

  @Test
  void peerThatSendsTooMuchAfterTheCloseIsNotAwaited() {
    context.maxFrameBytes(3);
    try (UnpackLoop<String, String> loop = open(new Polite())) {
      loop.close(CloseReason.of(Kind.CLOSED));
      loop.read("abc".getBytes(US_ASCII));
      assertThat(loop.isAwaitingPeerClose()).isTrue();
      loop.read("d".getBytes(US_ASCII));
      assertThat(loop.isAwaitingPeerClose()).isFalse();
    }
  }

  @Test
  void packedMessageHasItsTailAndIsReleased() {
    List<String> blocks = new ArrayList<>();
    ByteBuf message = wrappedBuffer("hello".getBytes(US_ASCII));
    try (var loop =
        new UnpackLoop<>(new Blocks(), context, block -> blocks.add(Hex.of(block))).open()) {
      byte[] packed = loop.pack(message);
      assertThat(Hex.of(packed)).isEqualTo("0000000568656c6c6f");
      assertThat(message.refCnt()).isZero();
      loop.read(packed);
      assertThat(blocks).containsExactly("68656c6c6f");
    }
  }

  @Test
  void onlyAReadyAndOpenConnectionPacks() {
    UnpackLoop<String, String> unopened =
        new UnpackLoop<>(new ShortTexts(), new TestContext(), messages::add);
    assertThatIllegalStateException()
        .isThrownBy(() -> unopened.pack("a"))
        .withMessage("pack: not ready (expected: ready was called)");
    try (UnpackLoop<String, String> loop = open(new ShortTexts())) {
      assertThat(text(loop.pack("a"))).isEqualTo("\1a");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> loop.pack(""))
          .withMessage("message: 0 bytes (expected: 1..255)");
      loop.close(CloseReason.of(Kind.CLOSED));
      assertThat(loop.pack("a")).isEmpty();
    }
  }

  @Test
  void bufferThatIsNotReleasedIsNoticed() {
    class Leaks extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        in.alloc().directBuffer(100);
        in.alloc().heapBuffer(50);
        return super.unpack(context, in);
      }
    }
    UnpackLoop<String, String> loop = open(new Leaks()).read(Hex.bytes("01 61"));
    assertThat(loop.bufferBytes()).isEqualTo(150);
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(loop::close)
        .withMessage("direct bytes not released: 100 (expected: 0)");
  }

  @Test
  void retainedMessageIsNoticed() {
    List<ByteBuf> retained = new ArrayList<>();
    var loop =
        new UnpackLoop<>(new Blocks(), context, block -> retained.add(block.retain())).open();
    loop.read(Hex.bytes("00000001 61"));
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(loop::close)
        .withMessageStartingWith("direct bytes not released: ");
    retained.get(0).release();
    loop.close();
  }

  @Test
  void allocatedBytesOfUnpackAreCounted() {
    class Hungry extends ShortTexts {
      private byte[] room = {};

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        room = new byte[100_000 + room.length];
        return super.unpack(context, in);
      }
    }
    try (UnpackLoop<String, String> loop = open(new Hungry())) {
      loop.read(Hex.bytes("01 61"));
      assertThat(loop.allocatedBytes()).isBetween(100_000L, 1_000_000L);
    }
  }

  @Test
  void exceptionOfTheConsumerIsNotCaught() {
    UnpackLoop<String, String> loop =
        new UnpackLoop<String, String>(
                new ShortTexts(),
                context,
                message -> {
                  throw new IllegalArgumentException(message);
                })
            .open();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> loop.read(Hex.bytes("01 61")))
        .withMessage("a");
    assertThat(context.closeReason()).isNull();
  }

  @Test
  void callsInTheWrongOrderAreRefused() {
    UnpackLoop<String, String> loop = new UnpackLoop<>(new ShortTexts(), context, messages::add);
    assertThatIllegalStateException()
        .isThrownBy(() -> loop.read(new byte[1]))
        .withMessage("read called before open");
    loop.open();
    assertThatIllegalStateException()
        .isThrownBy(loop::open)
        .withMessage("loop already opened; create a new one");
  }
}
