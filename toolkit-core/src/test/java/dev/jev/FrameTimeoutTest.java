package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.plugin.IdleReaper;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The deadline of incomplete frames, mostly with a clock of the test. */
@Timeout(60)
class FrameTimeoutTest {

  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final Duration SECOND = Duration.ofSeconds(1);

  /** Two ticks of the wheel, by which an end may be late. */
  private static final Duration WHEEL_DELAY = Duration.ofMillis(300);

  private final List<String> messages = new ArrayList<>();
  private final List<CloseReason> closeReasons = new ArrayList<>();
  private @Nullable TimedConnections<String, String> timed;

  private final Handler<String, String> handler =
      new Handler<>() {
        @Override
        public void onMessage(Connection<String> connection, String message) {
          messages.add(message);
        }

        @Override
        public void onClose(Connection<String> connection, CloseReason reason) {
          closeReasons.add(reason);
        }
      };

  private TimedConnections<String, String>.Socket connect(
      Supplier<? extends Protocol<String, String>> protocol, Duration timeout) {
    timed = new TimedConnections<>(protocol, handler, timeout);
    return timed.connect();
  }

  private TimedConnections<String, String>.Socket connect() {
    return connect(Texts::new, TIMEOUT);
  }

  @AfterEach
  void close() {
    if (timed != null) {
      timed.close();
    }
  }

  /** Lets time pass in seconds until the connection closes; returns the elapsed time. */
  private Duration secondsUntilClose(Runnable everySecond) {
    long start = timed.now();
    for (int i = 0; closeReasons.isEmpty() && i < 1000; i++) {
      everySecond.run();
      timed.pass(SECOND);
    }
    return Duration.ofNanos(timed.now() - start);
  }

  private void expectTimeout(int bytes) {
    timed.pass(Duration.ofSeconds(10)); // the rest of the close
    String fault = " bytes received (expected: the end within PT30S plus 1 s per KiB)";
    assertThat(closeReasons).hasToString("[TIMEOUT: frame: " + bytes + fault + "]");
  }

  @Test
  void byteASecondIsTooSlow() {
    var socket = connect();
    socket.arrive(RawPeer.length(1000));
    Duration taken = secondsUntilClose(() -> socket.arrive('a'));
    assertThat(taken).isBetween(TIMEOUT, TIMEOUT.plusSeconds(4)); // lingers for 2 s
    assertThat(messages).isEmpty();
    expectTimeout(4 + 31);
  }

  @Test
  void silenceWithinAFrameIsTooSlow() {
    var socket = connect();
    socket.arrive(0);
    timed.pass(TIMEOUT.minusMillis(1));
    assertThat(socket.connection().isOpen()).isTrue();
    timed.pass(WHEEL_DELAY);
    assertThat(socket.connection().isOpen()).isFalse();
    expectTimeout(1);
  }

  @Test
  void kibibyteASecondIsFastEnough() {
    var socket = connect();
    socket.arrive(RawPeer.length(90 * 1024));
    for (int i = 0; i < 90; i++) {
      timed.pass(SECOND);
      socket.arrive(new byte[1024]);
    }
    assertThat(messages).hasSize(1);
    timed.pass(Duration.ofMinutes(5));
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void timeoutIsConfigurableAndZeroDisablesIt() {
    var socket = connect(Texts::new, Duration.ofSeconds(2));
    socket.arrive(0);
    timed.pass(Duration.ofSeconds(2).plus(WHEEL_DELAY));
    assertThat(socket.connection().isOpen()).isFalse();
    close();
    var untimed = connect(Texts::new, Duration.ZERO);
    untimed.arrive(0);
    timed.pass(Duration.ofDays(100));
    assertThat(untimed.connection().isOpen()).isTrue();
  }

  @Test
  void handshakeDoesNotCount() {
    List<ProtocolContext> contexts = new ArrayList<>();
    class Handshake implements Protocol<String, String> {
      @Override
      public void open(ProtocolContext context) {
        contexts.add(context);
      }

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        return null;
      }

      @Override
      public void pack(String message, ByteBuf out) {}
    }
    var socket = connect(Handshake::new, Duration.ofSeconds(2));
    socket.arrive(0);
    timed.pass(Duration.ofSeconds(9));
    assertThat(socket.isActive()).isTrue();
    contexts.get(0).ready();
    timed.pass(Duration.ofMillis(1999));
    assertThat(socket.connection().isOpen()).isTrue();
    timed.pass(WHEEL_DELAY);
    assertThat(socket.connection().isOpen()).isFalse();
  }

  @Test
  void pauseDoesNotCount() {
    var socket = connect();
    socket.arrive(0);
    timed.pass(Duration.ofSeconds(20));
    socket.connection().pauseReading();
    timed.pass(Duration.ofMinutes(5));
    socket.connection().resumeReading();
    timed.pass(TIMEOUT.minusSeconds(1));
    assertThat(closeReasons).isEmpty();
    timed.pass(SECOND.plus(WHEEL_DELAY));
    expectTimeout(1);
  }

  @Test
  void backPressureDoesNotCount() {
    var socket = connect();
    socket.fill();
    socket.connection().send("x".repeat(60_000));
    socket.arrive(0);
    timed.pass(Duration.ofMinutes(5));
    assertThat(closeReasons).isEmpty();
    socket.drain();
    timed.pass(TIMEOUT.minusSeconds(1));
    assertThat(socket.connection().isOpen()).isTrue();
    timed.pass(SECOND.plus(WHEEL_DELAY));
    assertThat(socket.connection().isOpen()).isFalse();
  }

  @Test
  void messagesThatWaitForAPausedHandlerAreNotLate() {
    var socket = connect();
    socket.connection().pauseReading();
    socket.arrive(RawPeer.frames("a", "b"));
    timed.pass(Duration.ofMinutes(5));
    socket.connection().resumeReading();
    assertThat(messages).containsExactly("a", "b");
    timed.pass(Duration.ofMinutes(5));
    assertThat(closeReasons).isEmpty();
  }

  /** Sends frames so that each read ends within one, and expects the last one to be late. */
  private void pipeline(
      TimedConnections<String, String>.Socket socket, byte[] frame, Duration pause, int times) {
    byte[] next = Arrays.copyOfRange(frame, 1, frame.length + 1); // the end, and the next beginning
    next[frame.length - 1] = frame[0];
    socket.arrive(frame[0]);
    for (int i = 0; i < times; i++) {
      timed.pass(pause);
      socket.arrive(next);
      assertThat(closeReasons).isEmpty();
    }
    timed.pass(TIMEOUT.minusMillis(1));
    assertThat(socket.connection().isOpen()).isTrue();
    timed.pass(WHEEL_DELAY);
    assertThat(socket.connection().isOpen()).isFalse();
    expectTimeout(1);
  }

  @Test
  void eachOfManyFramesHasItsOwnDeadline() {
    pipeline(connect(), RawPeer.frames("a"), Duration.ofSeconds(20), 10);
    assertThat(messages).hasSize(10);
  }

  @Test
  void busyPeerMovesOneEntryWithoutATimerOfItsOwn() throws Exception {
    var socket = connect();
    int before = timed.timers();
    for (int i = 0; i < 100; i++) {
      socket.arrive(RawPeer.frames("a"));
    }
    assertThat(timed.timers()).as("after whole frames").isEqualTo(before);
    var others = List.of(timed.connect(), timed.connect(), timed.connect());
    others.forEach(other -> other.arrive(0));
    assertThat(timed.timers()).as("of four connections").isEqualTo(before + 1);
    others.forEach(other -> other.arrive(new byte[] {0, 0, 1, 'a'}));
    timed.pass(Duration.ofSeconds(31));
    assertThat(timed.timers()).as("after the ends").isEqualTo(before);
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void closeEndsTheDeadline() {
    var socket = connect();
    socket.arrive(0);
    socket.connection().close();
    timed.pass(Duration.ofMinutes(5));
    assertThat(closeReasons).hasToString("[CLOSED]");
  }

  /** Lines that are consumed byte by byte; a line that begins with # is dropped. */
  private static class HeldLines implements Protocol<String, String> {

    final StringBuilder line = new StringBuilder();

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      while (in.isReadable()) {
        char next = (char) in.readByte();
        if (next == '\n') {
          String whole = line.toString();
          line.setLength(0);
          if (!whole.startsWith("#")) {
            return whole;
          }
        } else {
          line.append(next);
        }
      }
      return null;
    }

    @Override
    public long heldBytes() {
      return line.length();
    }

    @Override
    public void pack(String message, ByteBuf out) {
      out.writeCharSequence(message + "\n", US_ASCII);
    }
  }

  @Test
  void consumedBytesOfAMessageCount() {
    var socket = connect(HeldLines::new, TIMEOUT);
    secondsUntilClose(() -> socket.arrive('a'));
    expectTimeout(31);
  }

  @Test
  void heldMessagesHaveDeadlinesOfTheirOwn() {
    pipeline(
        connect(HeldLines::new, TIMEOUT), "a\n".getBytes(US_ASCII), TIMEOUT.minusSeconds(1), 9);
    assertThat(messages).hasSize(9).containsOnly("a");
  }

  @Test
  void mappedProtocolHoldsWhatItsOriginHolds() {
    var socket = connect(() -> new HeldLines().map(Function.identity(), text -> text), TIMEOUT);
    socket.arrive('a');
    timed.pass(TIMEOUT.plus(WHEEL_DELAY));
    expectTimeout(1);
  }

  /** Texts, of which empty ones are dropped. */
  private static final class NonEmptyTexts implements Protocol<String, String> {

    private final Texts texts = new Texts();

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      String text = texts.unpack(context, in);
      return text == null || text.isEmpty() ? null : text;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  @Test
  void frameThatIsNotDeliveredIsCompleteToo() {
    pipeline(connect(NonEmptyTexts::new, TIMEOUT), RawPeer.frames(""), Duration.ofSeconds(20), 9);
    assertThat(messages).isEmpty();
  }

  /** Lines that are delivered in parts. */
  private static final class Parts extends HeldLines {

    private boolean midMessage;

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      String last = super.unpack(context, in);
      if (last == null && line.length() > 0) {
        String part = line.toString();
        line.setLength(0);
        midMessage = true;
        return part;
      }
      midMessage = false;
      return last;
    }

    @Override
    public boolean isMidInboundMessage() {
      return midMessage;
    }
  }

  @Test
  void messageInPartsHasOneDeadline() {
    var socket = connect(() -> new Parts().mapInbound(Function.identity()), TIMEOUT);
    Duration taken = secondsUntilClose(() -> socket.arrive('a'));
    assertThat(taken).isBetween(TIMEOUT, TIMEOUT.plusSeconds(4));
    assertThat(messages).hasSize(31);
    expectTimeout(31);
  }

  @Test
  void messagesInPartsHaveADeadlineEach() {
    var socket = connect(Parts::new, TIMEOUT);
    for (int i = 0; i < 10; i++) {
      socket.arrive("a\nb".getBytes(US_ASCII));
      timed.pass(TIMEOUT.minusSeconds(1));
      assertThat(closeReasons).isEmpty();
    }
    socket.arrive('\n');
    timed.pass(Duration.ofMinutes(5));
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void frameThatATaskOfTheProtocolHasDroppedIsNotLate() {
    class Forgetful extends HeldLines {
      @Override
      public void open(ProtocolContext context) {
        context.ready();
        context.runAfter(SECOND, () -> line.setLength(0));
      }
    }
    var socket = connect(Forgetful::new, TIMEOUT);
    socket.arrive('a');
    timed.pass(Duration.ofMinutes(5));
    assertThat(closeReasons).isEmpty();
    socket.arrive('a');
    timed.pass(TIMEOUT.plus(WHEEL_DELAY));
    expectTimeout(1);
  }

  @Test
  void failureOfHeldBytesClosesTheConnection() {
    class Failing extends HeldLines {
      @Override
      public long heldBytes() {
        throw new ProtocolException("held");
      }
    }
    var socket = connect(Failing::new, TIMEOUT);
    socket.arrive('a');
    timed.pass(Duration.ofSeconds(5));
    assertThat(closeReasons).hasToString("[PROTOCOL_ERROR: held]");
  }

  // Over sockets.

  /** Writes a byte every 50 ms until that fails. */
  private static void drip(ScheduledExecutorService executor, Socket socket) {
    executor.scheduleAtFixedRate(
        () -> {
          try {
            socket.getOutputStream().write(0);
          } catch (IOException e) {
            throw new IllegalStateException(e); // which ends the task
          }
        },
        0,
        50,
        TimeUnit.MILLISECONDS);
  }

  private static Handler<String, String> completing(CompletableFuture<CloseReason> closed) {
    return new Handler<>() {
      @Override
      public void onMessage(Connection<String> connection, String message) {}

      @Override
      public void onClose(Connection<String> connection, CloseReason reason) {
        closed.complete(reason);
      }
    };
  }

  private static void expectTooSlow(CompletableFuture<CloseReason> closed, Duration timeout)
      throws Exception {
    assertThat(closed.get(30, TimeUnit.SECONDS).toString())
        .startsWith("TIMEOUT: frame: ")
        .endsWith(" bytes received (expected: the end within " + timeout + " plus 1 s per KiB)");
  }

  @Test
  void serverClosesADripThatNoIdleTimeoutSees() throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor();
    Duration timeout = Duration.ofSeconds(4);
    try (Server server =
            Server.builder(Texts::new, completing(closed))
                .plugin(IdleReaper.readIdle(Duration.ofSeconds(3)))
                .frameTimeout(timeout)
                .listen("tcp://127.0.0.1:0")
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(RawPeer.length(1000));
      drip(executor, peer.socket());
      expectTooSlow(closed, timeout);
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void clientClosesADripToo() throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor();
    Duration timeout = Duration.ofMillis(600);
    try (ServerSocket listener = new ServerSocket()) {
      listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      try (Client<String> client =
              Client.builder(Texts::new, completing(closed))
                  .frameTimeout(timeout)
                  .connect("tcp://127.0.0.1:" + listener.getLocalPort());
          Socket accepted = listener.accept()) {
        accepted.getOutputStream().write(RawPeer.length(1000));
        client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
        drip(executor, accepted);
        expectTooSlow(closed, timeout);
      }
    } finally {
      executor.shutdownNow();
    }
  }
}
