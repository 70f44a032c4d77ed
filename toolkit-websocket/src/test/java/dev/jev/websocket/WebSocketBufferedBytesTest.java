package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.BudgetedServer;
import dev.jev.Eventually;
import dev.jev.RawPeer;
import java.io.ByteArrayOutputStream;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares the memory of incomplete WebSocket messages with what is counted of it. */
@Timeout(60)
class WebSocketBufferedBytesTest {

  private static final int MIB = 1024 * 1024;
  private static final String DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

  private static byte[] request(String headers) {
    String request =
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + headers
            + "\r\n";
    return request.getBytes(US_ASCII);
  }

  private static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    Stream.of(parts).forEach(all::writeBytes);
    return all.toByteArray();
  }

  private static byte[] hex(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", ""));
  }

  private static Supplier<WebSocketProtocol> protocol() {
    return WebSocketProtocol.server().maxMessageBytes(8 * MIB).build();
  }

  private static Supplier<WebSocketProtocol> compressing(boolean takeover) {
    return WebSocketProtocol.server()
        .maxMessageBytes(8 * MIB)
        .compression(
            takeover
                ? WebSocketCompression.DEFAULT.contextTakeover()
                : WebSocketCompression.DEFAULT)
        .build();
  }

  /** The beginning of a frame of 4 MB, masked with zeros. */
  private static byte[] beginning(String header, byte[] payload) {
    return concat(hex(header + "ff 00000000003d0900 00000000"), payload);
  }

  /** Whole frames of 60,000 bytes, the first of which begins a message. */
  private static byte[] fragments(int count) {
    byte[] frame = concat(hex("00 fe ea60 00000000"), new byte[60_000]);
    byte[][] all = new byte[count][];
    for (int i = 0; i < count; i++) {
      all[i] = frame.clone();
    }
    all[0][0] = 2;
    return concat(all);
  }

  private static byte[] noise(int bytes) {
    byte[] noise = new byte[bytes];
    new Random(1).nextBytes(noise);
    return noise;
  }

  /** Compresses bytes without an end. */
  private static byte[] deflated(byte[] bytes) {
    Deflater deflater = new Deflater(1, /* nowrap= */ true);
    deflater.setInput(bytes);
    byte[] out = new byte[bytes.length + 64 * 1024];
    int length = deflater.deflate(out, 0, out.length, Deflater.SYNC_FLUSH);
    deflater.end();
    return Arrays.copyOf(out, length);
  }

  static Stream<Arguments> inputs() {
    byte[] plain = new byte[3 * MIB];
    byte[] compressed = deflated(noise(3 * MIB));
    byte[] zeros = deflated(new byte[4 * MIB]);
    return Stream.of(
        Arguments.of("long frame", protocol(), request(""), beginning("82", plain)),
        Arguments.of("text", protocol(), request(""), beginning("81", plain)),
        Arguments.of("fragments", protocol(), request(""), fragments(50)),
        Arguments.of(
            "compressed", compressing(false), request(DEFLATE), beginning("c2", compressed)),
        Arguments.of("takeover", compressing(true), request(DEFLATE), beginning("c2", compressed)),
        Arguments.of("expanding", compressing(false), request(DEFLATE), beginning("c2", zeros)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("inputs")
  void countedBytesAreThoseThatAreHeld(
      String name, Supplier<WebSocketProtocol> protocols, byte[] request, byte[] input)
      throws Exception {
    BudgetedServer.expectCounted(protocols, concat(request, input));
  }

  /** A message of 64 KiB that is complete, after which an idle connection keeps its window. */
  @Test
  void windowOfContextTakeoverIsCountedAsLongAsTheConnectionHasIt() throws Exception {
    byte[] compressed = deflated(noise(60_000));
    byte[] message = new byte[compressed.length - 4]; // RFC 7692, 7.2.1
    System.arraycopy(compressed, 0, message, 0, message.length);
    String length = String.format("%04x", message.length);
    byte[] input = concat(request(DEFLATE), hex("c2 fe " + length + "00000000"), message);
    try (BudgetedServer server =
        new BudgetedServer(Long.MAX_VALUE, compressing(true), BudgetedServer.ignoring())) {
      for (int i = 0; i < 200; i++) {
        server.connect().write(input);
      }
      Eventually.holds(
          "windows are counted", () -> server.limits().bufferedBytes() >= 200 * 32 * 1024);
      server.expectCountedIsHeld();
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  @Test
  void idleConnectionWithoutContextTakeoverCountsNothing() throws Exception {
    byte[] compressed = deflated(noise(60_000));
    byte[] input = concat(hex("c2 fe" + String.format("%04x", compressed.length - 4) + "00000000"));
    try (BudgetedServer server =
        new BudgetedServer(Long.MAX_VALUE, compressing(false), BudgetedServer.ignoring())) {
      RawPeer peer = server.connect().write(request(DEFLATE)).write(input);
      peer.write(Arrays.copyOf(compressed, 30_000));
      Eventually.holds("a part is counted", () -> server.limits().bufferedBytes() >= 30_000);
      peer.write(Arrays.copyOfRange(compressed, 30_000, compressed.length - 4));
      server.expectNothingCounted();
    }
  }

  /** A streamed message is delivered in parts, so that only the inflater is held. */
  @Test
  void streamedMessageHoldsNoParts() throws Exception {
    Supplier<WebSocketProtocol> streaming =
        WebSocketProtocol.server().streaming().compression().build();
    try (BudgetedServer server =
        new BudgetedServer(Long.MAX_VALUE, streaming, BudgetedServer.ignoring())) {
      byte[] input = beginning("c2", deflated(noise(3 * MIB)));
      server.connect().write(concat(request(DEFLATE), input));
      Eventually.holds("the inflater is counted", () -> server.limits().bufferedBytes() > 0);
      server.awaitCounted();
      assertThat(server.limits().bufferedBytes()).isBetween(32_768L, 128 * 1024L);
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  @Test
  void requestThatAwaitsItsDecisionIsCounted() throws Exception {
    CompletableFuture<HttpResponse> decision = new CompletableFuture<>();
    Supplier<WebSocketProtocol> deciding =
        WebSocketProtocol.server().onUpgrade(request -> decision).build();
    try (BudgetedServer server =
        new BudgetedServer(Long.MAX_VALUE, deciding, BudgetedServer.ignoring())) {
      server.connect().write(request("X: " + "x".repeat(7_000) + "\r\n"));
      Eventually.holds("a head is counted", () -> server.limits().bufferedBytes() >= 7_000);
      decision.complete(HttpResponse.accept());
      server.expectNothingCounted();
    }
  }

  @Test
  void manyShortLinesThatAwaitTheirDecisionAreCounted() throws Exception {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 90; i++) {
      lines.append("a").append(i).append(":b\r\n");
    }
    Supplier<WebSocketProtocol> deciding =
        WebSocketProtocol.server().onUpgrade(request -> new CompletableFuture<>()).build();
    try (BudgetedServer server =
        new BudgetedServer(Long.MAX_VALUE, deciding, BudgetedServer.ignoring())) {
      for (int i = 0; i < 800; i++) {
        server.connect().write(request(lines.toString()));
      }
      server.expectCountedIsHeld();
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  @Test
  void incompleteHeadIsCounted() throws Exception {
    try (BudgetedServer server =
        new BudgetedServer(Long.MAX_VALUE, protocol(), BudgetedServer.ignoring())) {
      server.connect().write(("GET / HTTP/1.1\r\nX: " + "x".repeat(7_000)).getBytes(US_ASCII));
      Eventually.holds("a head is counted", () -> server.limits().bufferedBytes() >= 7_000);
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  @Test
  void bodyThatItsPeerDoesNotReadIsCounted() throws Exception {
    HttpResponse response = HttpResponse.of(200).body("text/plain", new byte[8 * MIB]);
    try (BudgetedServer server = answering(response)) {
      server.connect().write(get());
      Eventually.holds("a body is counted", () -> server.limits().bufferedBytes() >= 8 * MIB);
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  /** A resource of the class path is in direct memory, which all connections share. */
  @Test
  void bodyThatConnectionsShareIsNotCounted() throws Exception {
    ByteBuffer resource = ByteBuffer.allocateDirect(8 * MIB);
    try (BudgetedServer server = answering(HttpResponse.of(200).body("text/plain", resource))) {
      RawPeer peer = server.connect().write(get());
      assertThat(peer.read(MIB)).hasSize(MIB);
      server.awaitCounted();
      assertThat(server.limits().bufferedBytes()).isLessThan(MIB);
    }
  }

  @Test
  void bodyThatIsWrittenIsNotKept() throws Exception {
    AtomicReference<WeakReference<byte[]>> latest = new AtomicReference<>();
    HttpResponder responder =
        request -> {
          byte[] body = new byte[MIB];
          latest.set(new WeakReference<>(body));
          return HttpResponse.of(200).body("text/plain", body);
        };
    try (BudgetedServer server = answering(responder)) {
      RawPeer peer = server.connect().write(get());
      assertThat(peer.read(MIB)).hasSize(MIB);
      Eventually.holds(
          "the body is collected",
          () -> {
            System.gc();
            return latest.get().get() == null;
          });
      assertThat(peer.write(get()).read(MIB)).hasSize(MIB); // the connection is open
    }
  }

  private static BudgetedServer answering(HttpResponse response) {
    return answering(HttpResponder.at("/", () -> response));
  }

  private static BudgetedServer answering(HttpResponder responder) {
    Supplier<WebSocketProtocol> protocol = WebSocketProtocol.server().http(responder).build();
    return new BudgetedServer(Long.MAX_VALUE, protocol, BudgetedServer.ignoring());
  }

  private static byte[] get() {
    return "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(US_ASCII);
  }

  @Test
  void peersWithIncompleteMessagesStayWithinTheBudget() throws Exception {
    long budget = 16L * MIB;
    try (BudgetedServer server =
        new BudgetedServer(budget, protocol(), BudgetedServer.ignoring())) {
      long most = server.attack(64, concat(request(""), beginning("82", new byte[3 * MIB])));
      assertThat(most).isBetween(budget / 2, budget + 64L * MIB / 2); // a batch each
      server.disconnect();
      server.expectNothingCounted();
    }
  }
}
