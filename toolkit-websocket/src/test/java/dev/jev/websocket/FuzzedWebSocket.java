package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.ProtocolException;
import dev.jev.test.FuzzedProtocol;
import dev.jev.test.TestContext;
import dev.jev.test.UnpackLoop;
import dev.jev.websocket.WebSocketMessage.Fragment;
import dev.jev.websocket.WebSocketMessage.Payload;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A WebSocket as a fuzzer sees it: whatever bytes come, however they are cut, it has to keep its
 * promises.
 *
 * <p>An input is nothing but the bytes on the wire; the cuts follow from it. Nothing else is
 * random, so that an input always takes the same way through the code.
 */
final class FuzzedWebSocket {

  static final int MAX_MESSAGE_BYTES = 1000;

  private static final int MAX_FRAGMENTS = 8;
  private static final int MAX_PONGS = 16; // of one read; of more pings the last one counts
  private static final int PIPELINED = 15; // requests of one read, so many are answered for sure
  private static final List<String> IN_PAYLOAD =
      List.of("compressed message", "text", "message: more than");
  private static final String TOO_OFTEN = "control frames: too many (expected: <= 3 per second)";

  private static final long POOLED_BYTES = 2 * 64 * 1024 + 2 * MAX_MESSAGE_BYTES;
  private static final int POOLED_CHECK_BYTES = 64; // of input, between two checks
  private static final long ALLOCATED_BYTES = 512 * 1024; // a chunk of the pool, too
  private static final long ALLOCATED_BYTES_PER_EVENT = 4 * 1024;
  private static final long ALLOCATED_BYTES_PER_BYTE =
      System.getProperty("JAZZER_FUZZ") == null ? 256 : 8192; // what is traced takes memory, too
  private static final int SPARE_INFLATERS = 4;

  private final Supplier<WebSocketProtocol> protocols;

  /** The outcome of an input: messages and writes in their order, apart from pongs. */
  record Outcome(List<String> events, List<String> pongs, @Nullable String offence) {

    private Outcome comparable(boolean withPongs) {
      List<String> answers = withPongs ? pongs : List.of();
      if (offence == null || IN_PAYLOAD.stream().noneMatch(offence::startsWith)) {
        return new Outcome(events, answers, offence);
      }
      // Of several faults in what was decompressed, which one is seen first depends on the cuts.
      List<String> before = events.subList(0, events.size() - 1);
      return new Outcome(before, answers, "payload");
    }

    /** Returns whether the outcome may depend on the time, or on where the input is cut. */
    private boolean isOverloaded() {
      return TOO_OFTEN.equals(offence)
          || events.stream().filter(event -> event.startsWith("http")).count() > PIPELINED;
    }
  }

  FuzzedWebSocket(Supplier<WebSocketProtocol> protocols) {
    this.protocols = protocols;
  }

  /** One whose handshake is to come. */
  static FuzzedWebSocket opening(Role role, Supplier<Opening> opening) {
    return of(role, opening, ControlPolicy.CLIENT, /* streaming= */ false);
  }

  /** One whose handshake is over. */
  static FuzzedWebSocket opened(
      Role role, @Nullable PermessageDeflate agreed, ControlPolicy policy, boolean streaming) {
    return of(role, () -> LoopbackPair.opened(agreed), policy, streaming);
  }

  private static FuzzedWebSocket of(
      Role role, Supplier<Opening> opening, ControlPolicy policy, boolean streaming) {
    int fragments = streaming ? 1 << 30 : MAX_FRAGMENTS;
    int bytes = streaming ? 1 : MAX_MESSAGE_BYTES;
    return new FuzzedWebSocket(
        () ->
            new WebSocketProtocol(
                role,
                opening.get(),
                policy,
                new MessageLimits(bytes, fragments, streaming, /* textOnly= */ false).newReader()));
  }

  /** Checks that {@code input} means the same in one read, byte by byte and in pieces. */
  Outcome understands(byte[] input) {
    Outcome whole = inOneRead(input);
    assertSame(whole, reads(input, () -> 1), "byte by byte");
    assertSame(whole, reads(input, FuzzedProtocol.pieces(input)), "in pieces");
    closesWithin(input);
    return whole;
  }

  private Outcome inOneRead(byte[] input) {
    Run run = new Run();
    Outcome outcome = run.reads(input, () -> input.length);
    if (run.allocatedBeyond(input.length) > 0) { // once more: classes may have been loaded
      run = new Run();
      run.reads(input, () -> input.length);
      assertThat(run.allocatedBeyond(input.length)).as("allocated bytes too many").isNotPositive();
    }
    return outcome;
  }

  private static void assertSame(Outcome whole, Outcome other, String how) {
    if (!whole.isOverloaded() && !other.isOverloaded()) {
      boolean withPongs = whole.pongs().size() < MAX_PONGS;
      assertThat(other.comparable(withPongs)).as(how).isEqualTo(whole.comparable(withPongs));
    }
  }

  /** Checks that messages in parts are those of {@code whole} and maybe more. */
  void understandsParts(byte[] input, Outcome whole) {
    Outcome parts = reads(input, FuzzedProtocol.pieces(input));
    if (!whole.isOverloaded() && !parts.isOverloaded()) {
      List<String> expected = messages(whole);
      assertThat(messages(parts)).hasSizeGreaterThanOrEqualTo(expected.size());
      assertThat(messages(parts).subList(0, expected.size())).isEqualTo(expected);
    }
  }

  private static List<String> messages(Outcome outcome) {
    return outcome.events().stream().filter(event -> !event.startsWith("close")).toList();
  }

  private Outcome reads(byte[] input, IntSupplier pieces) {
    return new Run().reads(input, pieces);
  }

  /** Checks that nothing goes wrong if the user closes somewhere in {@code input}. */
  private void closesWithin(byte[] input) {
    int first = Math.floorMod(Arrays.hashCode(input), input.length + 1);
    new Run().closesAfter(first, input);
  }

  /** A connection from its beginning to its end. */
  private final class Run {

    private final long pooledBefore = PooledByteBufAllocator.DEFAULT.pinnedDirectMemory();
    private final long unpooledBefore = unpooled();
    private final int inflatersBefore = Zlib.alive();
    private final TestContext context = new TestContext().maxFrameBytes(64 * 1024);
    private final UnpackLoop<WebSocketMessage, WebSocketMessage> loop =
        new UnpackLoop<>(protocols.get(), context, message -> take((Payload) message));
    private final List<String> events = new ArrayList<>();
    private final List<String> pongs = new ArrayList<>();
    private final ByteArrayOutputStream part = new ByteArrayOutputStream();

    private boolean ended; // the close frame is written

    private static long unpooled() {
      return UnpooledByteBufAllocator.DEFAULT.metric().usedDirectMemory();
    }

    Outcome reads(byte[] input, IntSupplier pieces) {
      begin();
      for (int start = 0; start < input.length && !isClosed(); ) {
        int end = Math.min(input.length, start + pieces.getAsInt());
        read(input, start, end);
        start = end;
      }
      boolean closed = isClosed();
      ProtocolException offence = loop.refusal();
      assertThat(offence != null && loop.isAwaitingPeerClose()).as("waits after a fault").isFalse();
      end();
      assertThat(ended).as("one close frame").isEqualTo(closed && context.isReady());
      assertThat(context.attribute(WebSocketClose.class) != null)
          .as("close is told")
          .isEqualTo(ended);
      return new Outcome(events, pongs, offence == null ? null : offence.getMessage());
    }

    private boolean isClosed() {
      return context.closeReason() != null;
    }

    long allocatedBeyond(int length) {
      int results = events.size() + pongs.size();
      return loop.allocatedBytes()
          - ALLOCATED_BYTES
          - ALLOCATED_BYTES_PER_BYTE * length
          - ALLOCATED_BYTES_PER_EVENT * results;
    }

    void closesAfter(int length, byte[] input) {
      begin();
      read(input, 0, length);
      if (!isClosed()) {
        loop.close(CloseReason.of(Kind.CLOSED));
        takeWritten();
        assertThat(ended).as("close frame").isEqualTo(context.isReady());
        loop.read(Arrays.copyOfRange(input, length, input.length), FuzzedProtocol.pieces(input));
      }
      end();
    }

    private void begin() {
      loop.open();
      takeWritten();
    }

    private void end() {
      loop.close();
      takeWritten();
      expectAtMost("writes after the close", context.droppedWrites(), 0);
      expectAtMost("unpooled bytes not released", unpooled() - unpooledBefore, 0);
      expectAtMost("pooled bytes not released", pooled(), 0);
      expectAtMost("inflaters", Zlib.alive() - inflatersBefore, SPARE_INFLATERS);
    }

    /** Slow: Netty goes through all chunks of all arenas. */
    private long pooled() {
      return PooledByteBufAllocator.DEFAULT.pinnedDirectMemory() - pooledBefore;
    }

    private void read(byte[] input, int start, int end) {
      loop.read(input, start, end);
      takeWritten();
      expectAtMost("bytes", loop.bufferBytes(), 8L * input.length + 1024);
      if (start / POOLED_CHECK_BYTES != end / POOLED_CHECK_BYTES) {
        expectAtMost("pooled bytes", pooled(), POOLED_BYTES);
      }
    }

    private static void expectAtMost(String what, long actual, long limit) {
      if (actual > limit) {
        throw new AssertionError(what + ": " + actual + " (expected: <= " + limit + ")");
      }
    }

    private void take(Payload message) {
      takeWritten();
      assertThat(isClosed()).as("message behind a close").isFalse();
      byte[] content = LoopbackPair.bytes(message.content());
      if (message instanceof Fragment fragment) {
        part.writeBytes(content);
        if (fragment.isLast()) {
          add(fragment.isText() ? "text" : "binary", part.toByteArray());
          part.reset();
        }
        return;
      }
      expectAtMost("message", content.length, MAX_MESSAGE_BYTES);
      boolean isText = message instanceof Text;
      add(
          isText ? "text" : message instanceof WebSocketMessage.Binary ? "binary" : "control",
          content);
    }

    private void add(String kind, byte[] content) {
      boolean isText = kind.equals("text");
      events.add(
          kind + " " + (isText ? new String(content, UTF_8) : HexFormat.of().formatHex(content)));
    }

    private void takeWritten() {
      if (!context.written().isEmpty()) {
        context.written().forEach(this::written);
        context.takeWritten();
      }
    }

    private void written(byte[] bytes) {
      String http = new String(bytes, ISO_8859_1);
      if (bytes[0] < 0) { // the first bit of a frame
        frame(bytes);
      } else if (http.startsWith("HTTP/")) {
        events.add("http " + withoutDate(http));
      } else if (!http.startsWith("GET ")) { // a body that is written apart from its head
        events.add(events.remove(events.size() - 1) + http);
      }
    }

    private static String withoutDate(String response) {
      int date = response.indexOf("Date: ");
      int end = response.indexOf("\r\n", date) + 2;
      return date < 0 ? response : response.substring(0, date) + response.substring(end);
    }

    /** A control frame, which is written alone. */
    private void frame(byte[] frame) {
      assertThat(ended).as("something behind the close frame").isFalse();
      boolean masked = frame[1] < 0;
      byte[] payload = Arrays.copyOfRange(frame, masked ? 6 : 2, frame.length);
      assertThat(payload).hasSize(frame[1] & 0x7f);
      for (int i = 0; masked && i < payload.length; i++) {
        payload[i] ^= frame[2 + i % 4];
      }
      if ((frame[0] & 0xff) == 0x8a) {
        pongs.add(HexFormat.of().formatHex(payload));
      } else {
        assertThat(frame[0] & 0xff).isEqualTo(0x88);
        ended = true;
        events.add("close " + HexFormat.of().formatHex(payload));
      }
    }
  }
}
