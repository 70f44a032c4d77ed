package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.Thread.State;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The difference between a loop that is blocked and one that gets no processor time. */
class LoopWatchdogTest {

  private static final long SECOND = 1_000_000_000L;
  private static final StackTraceElement HANDLER = java("app.Handler", "onMessage");

  private static boolean isStarved(State state, long cpuNanos, StackTraceElement... stack) {
    return LoopWatchdog.isStarved(state, stack, cpuNanos, SECOND);
  }

  private static StackTraceElement java(String type, String method) {
    return new StackTraceElement(type, method, "A.java", 1);
  }

  private static StackTraceElement nativeMethod(String type, String method) {
    return new StackTraceElement(type, method, "A.java", /* native */ -2);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "io.netty.channel.epoll.Native",
        "io.netty.channel.kqueue.Native",
        "io.netty.channel.uring.Native",
        "sun.nio.ch.EPoll",
        "sun.nio.ch.KQueue",
        "sun.nio.ch.WEPoll"
      })
  void loopThatWaitsForEventsIsNotBlocked(String type) {
    StackTraceElement wait = nativeMethod(type, "wait");
    StackTraceElement run = java("io.netty.channel.SingleThreadIoEventLoop", "run");
    assertThat(isStarved(State.RUNNABLE, 0, wait, run)).isTrue();
    assertThat(isStarved(State.RUNNABLE, SECOND, wait, run)).isTrue();
  }

  @Test
  void loopThatParksForEventsIsNotBlocked() {
    assertThat(
            isStarved(
                State.TIMED_WAITING,
                0,
                nativeMethod("jdk.internal.misc.Unsafe", "park"),
                java("java.util.concurrent.locks.LockSupport", "parkNanos"),
                java("io.netty.channel.local.LocalIoHandler", "run")))
        .isTrue();
  }

  @Test
  void runnableLoopWithoutProcessorTimeIsNotBlocked() {
    assertThat(isStarved(State.RUNNABLE, 0, HANDLER)).isTrue();
    assertThat(isStarved(State.RUNNABLE, SECOND / 11, HANDLER)).isTrue();
  }

  @Test
  void loopThatComputesIsBlocked() {
    assertThat(isStarved(State.RUNNABLE, SECOND, HANDLER)).isFalse();
    assertThat(isStarved(State.RUNNABLE, SECOND / 9, HANDLER)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"BLOCKED", "WAITING", "TIMED_WAITING"})
  void loopThatWaitsForAThreadIsBlocked(State state) {
    assertThat(isStarved(state, 0, HANDLER)).isFalse();
    assertThat(isStarved(state, 0, nativeMethod("java.lang.Thread", "sleep"), HANDLER)).isFalse();
  }

  @Test
  void loopThatWaitsInANativeMethodIsBlocked() {
    assertThat(isStarved(State.RUNNABLE, 0, nativeMethod("java.io.FileInputStream", "readBytes")))
        .isFalse();
  }

  @Test
  void handlerThatATransportCallsIsBlocked() {
    List<StackTraceElement> stack =
        List.of(
            java("java.lang.Object", "wait"),
            HANDLER,
            java("app.Codec", "decode"),
            java("io.netty.channel.local.LocalIoHandler", "run"));
    assertThat(isStarved(State.WAITING, 0, stack.toArray(new StackTraceElement[0]))).isFalse();
  }

  @Test
  void handlerThatWaitsForEventsOfItsOwnIsBlocked() {
    StackTraceElement wait = nativeMethod("sun.nio.ch.EPoll", "wait");
    StackTraceElement select = java("sun.nio.ch.SelectorImpl", "select");
    assertThat(isStarved(State.RUNNABLE, 0, wait, select, HANDLER)).isFalse();
  }

  @Test
  void threadThatHasEndedIsNotStarved() {
    assertThat(isStarved(State.TERMINATED, 0)).isFalse();
  }
}
