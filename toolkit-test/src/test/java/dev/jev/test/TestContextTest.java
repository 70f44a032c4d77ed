package dev.jev.test;

import static io.netty.buffer.Unpooled.wrappedBuffer;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.DeadlineWheel;
import dev.jev.ScheduledTask;
import io.netty.buffer.ByteBuf;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A context without a loop, as a test uses it that calls the protocol itself. */
class TestContextTest {

  private static final Duration SECOND = Duration.ofSeconds(1);

  private final TestContext context = new TestContext();

  @Test
  void readyTakesEffectAtOnce() {
    assertThat(context.isReady()).isFalse();
    context.ready();
    context.ready();
    assertThat(context.isReady()).isTrue();
    assertThat(context.closeReason()).isNull();
  }

  @Test
  void writtenBytesAreCopiedAndTheirBuffersReleased() {
    ByteBuf first = wrappedBuffer("xhello ".getBytes(US_ASCII)).skipBytes(1);
    ByteBuf second = wrappedBuffer("world".getBytes(US_ASCII));
    context.write(first);
    context.write(second);
    assertThat(first.refCnt() + second.refCnt()).isZero();
    assertThat(context.written())
        .containsExactly("hello ".getBytes(US_ASCII), "world".getBytes(US_ASCII));
    assertThat(context.takeWritten()).asString(US_ASCII).isEqualTo("hello world");
    assertThat(context.written()).isEmpty();
    assertThat(context.takeWritten()).isEmpty();
  }

  @Test
  void closeIsRecordedAndTheFirstReasonCounts() {
    context.close();
    context.close(CloseReason.of(Kind.IDLE));
    assertThat(context.closeReason()).hasToString("CLOSED");
    assertThat(context.isClosedNow()).isFalse();
    context.write(wrappedBuffer(new byte[] {1}));
    assertThat(context.written()).as("the protocol's last bytes").hasSize(1);
  }

  @Test
  void closeNowIsRecorded() {
    context.closeNow(CloseReason.of(Kind.TIMEOUT));
    assertThat(context.closeReason()).hasToString("TIMEOUT");
    assertThat(context.isClosedNow()).isTrue();
  }

  @Test
  void timersFollowTheClock() {
    List<String> ran = new ArrayList<>();
    context.runAfter(SECOND, () -> ran.add("second"));
    context.runAfter(Duration.ZERO, () -> ran.add("first"));
    ScheduledTask cancelled = context.runAfter(SECOND, () -> ran.add("cancelled"));
    cancelled.cancel();
    assertThat(context.clock().pendingTasks()).isEqualTo(2);
    context.clock().advance(Duration.ZERO);
    assertThat(ran).containsExactly("first");
    context.clock().advance(SECOND);
    assertThat(ran).containsExactly("first", "second");
    assertThat(context.clock().pendingTasks()).isZero();
  }

  @Test
  void contextsOfOneClockShareTheirWheels() {
    TestContext other = new TestContext(context.clock());
    DeadlineWheel wheel = context.deadlineWheel(SECOND);
    assertThat(other.deadlineWheel(Duration.parse("PT1S"))).isSameAs(wheel);
    assertThat(other.deadlineWheel(SECOND.plusNanos(1))).isNotSameAs(wheel);
    assertThat(new TestContext().deadlineWheel(SECOND)).isNotSameAs(wheel);
  }

  @Test
  void deadlineExpiresWhenTheClockHasReachedIt() {
    DeadlineWheel wheel = context.deadlineWheel(SECOND);
    long due = wheel.now() + wheel.maxDelay();
    wheel.schedule(
        new DeadlineWheel.Entry() {
          @Override
          protected long deadline(long now) {
            return due;
          }

          @Override
          protected void expire() {
            context.close(CloseReason.of(Kind.IDLE));
          }
        });
    context.clock().advance(SECOND.minusMillis(1));
    assertThat(context.closeReason()).isNull();
    context.clock().advance(Duration.ofMillis(10));
    assertThat(context.closeReason()).hasToString("IDLE");
    assertThat(context.clock().pendingTasks()).isZero();
  }

  @Test
  void readingBeginsWithTheContextAndAfterAPause() {
    ManualClock clock = new ManualClock();
    clock.advance(SECOND);
    TestContext reading = new TestContext(clock);
    clock.advance(SECOND);
    assertThat(reading.readingSince()).isEqualTo(SECOND.toNanos());
    reading.pauseReading();
    clock.advance(SECOND);
    assertThat(reading.readingSince()).isEqualTo(clock.nanoTime());
    reading.resumeReading();
    clock.advance(SECOND);
    assertThat(reading.readingSince()).isEqualTo(3 * SECOND.toNanos());
    assertThat(reading.deadlineWheel(SECOND).now()).isEqualTo(4 * SECOND.toNanos());
  }

  @Test
  void attributesAreStoredUnderTheirTypes() {
    context.attribute(String.class, "one");
    context.attribute(Integer.class, 1);
    context.attribute(String.class, "two");
    assertThat(context.attribute(String.class)).isEqualTo("two");
    assertThat(context.attributes())
        .isEqualTo(Map.<Class<?>, Object>of(String.class, "two", Integer.class, 1));
    context.attribute(String.class, null);
    assertThat(context.attribute(String.class)).isNull();
    assertThat(context.attributes()).containsOnlyKeys(Integer.class);
  }

  @Test
  void defaultsAreThoseOfAServer() {
    assertThat(context.maxFrameBytes()).isEqualTo(1024 * 1024);
    assertThat(context.remoteAddress()).isInstanceOf(InetSocketAddress.class);
    assertThat(context.maxFrameBytes(7).maxFrameBytes()).isEqualTo(7);
    assertThat(context.remoteAddress(null).remoteAddress()).isNull();
  }

  @Test
  void badArgumentsAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> context.maxFrameBytes(0))
        .withMessage("maxFrameBytes: 0 (expected: >= 1)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> context.runAfter(Duration.ofNanos(-1), () -> {}))
        .withMessage("delay: PT-0.000000001S (expected: PT0S..PT87600H)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> context.deadlineWheel(Duration.ZERO))
        .withMessageStartingWith("maxDelay: PT0S");
    assertThatNullPointerException().isThrownBy(() -> context.close(null)).withMessage("reason");
    new UnpackLoop<>(new ShortTexts(), context, message -> {});
    assertThatIllegalStateException()
        .isThrownBy(() -> new UnpackLoop<>(new ShortTexts(), context, message -> {}))
        .withMessage("context already has a loop; create one context per loop");
  }

  @Test
  void tasksForTheCloseRunOnceWhenTheLoopEndsTheConnection() {
    TestContext context = new TestContext();
    List<String> ends = new ArrayList<>();
    try (UnpackLoop<String, String> loop =
        new UnpackLoop<>(new ShortTexts(), context, message -> {})) {
      loop.open();
      context.onClose(() -> ends.add("end"));
      context.close();
      assertThat(ends).isEmpty();
    }
    assertThat(ends).containsExactly("end");
    context.onClose(() -> ends.add("late"));
    assertThat(ends).containsExactly("end", "late");
  }
}
