package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.test.ProtocolContract;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/** Several protocols on one port, over real sockets. */
@Timeout(60)
class MultiplexerTest {

  private static final byte[] PING = "*1\r\n$4\r\nPING\r\n".getBytes(ISO_8859_1);

  private final Recorder<String, String> texts = new Recorder<>(Handler.replying(text -> text));
  private final Recorder<RespCommand, RespValue> commands =
      new Recorder<>(Handler.replying(command -> RespValue.PONG));
  private final Recorder<String, String> greeted = new Recorder<>(Handler.replying(text -> text));
  private final CompletableFuture<CloseReason> closed = new CompletableFuture<>();
  private @Nullable Server server;

  /** A protocol of texts after a handshake: "HI", answered with "ho". */
  private static final class Greeting implements Protocol<String, String> {

    private final Texts texts = new Texts();

    @Override
    public void open(ProtocolContext context) {}

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      if (context.isReady()) {
        return texts.unpack(context, in);
      }
      if (in.readableBytes() >= 2) {
        in.skipBytes(2);
        context.write(Unpooled.copiedBuffer("ho", ISO_8859_1));
        context.ready();
      }
      return null;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  private Multiplexer.Builder builder() {
    return Multiplexer.builder()
        .when(FirstBytes.of("*"), Protocols::resp, commands)
        .when(FirstBytes.of("HI"), Greeting::new, greeted);
  }

  private RawPeer connect(Multiplexer port) throws Exception {
    return connect(port, Duration.ofMinutes(1));
  }

  private RawPeer connect(Multiplexer port, Duration handshakeTimeout) throws Exception {
    server =
        Server.builder(port::protocol, port.handler())
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .handshakeTimeout(handshakeTimeout)
            .start();
    return RawPeer.connect(server);
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    texts.expectNothingMore();
    commands.expectNothingMore();
    greeted.expectNothingMore();
  }

  private ProtocolContract<Object, Object> contract() {
    Multiplexer port = builder().otherwise(Texts::new, texts).build();
    return ProtocolContract.of(port::protocol);
  }

  @TestFactory
  Stream<DynamicTest> chosenProtocolKeepsTheContract() {
    return contract()
        .wire(PING, RespCommand.of("PING"))
        .refused("2a 78 0d0a", "multibulk length")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> chosenProtocolWithAHandshakeKeepsTheContract() {
    return contract().opening((byte) 'H', (byte) 'I').wire("00000001 78", "x").tests();
  }

  @TestFactory
  Stream<DynamicTest> protocolOfEverybodyElseKeepsTheContract() {
    return contract().wire("00000001 78 00000000", "x", "").refused("80000000", "length").tests();
  }

  @Test
  void firstBytesChooseProtocolAndHandler() throws Exception {
    try (RawPeer peer = connect(builder().otherwise(Texts::new, texts).build())) {
      peer.write(PING);
      assertThat(peer.read(7)).asString(ISO_8859_1).isEqualTo("+PONG\r\n");
    }
    commands.expect("connect", "message \"PING\"", "close PEER_CLOSED");
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("one", "").receive()).isEqualTo("one");
      assertThat(peer.receive()).isEmpty();
    }
    texts.expect("connect", "message one", "message ", "close PEER_CLOSED");
  }

  @Test
  void bytesMayComeOneByOne() throws Exception {
    Connection<?> one;
    try (RawPeer peer = connect(builder().otherwise(Texts::new, texts).build())) {
      for (byte b : PING) {
        peer.write(new byte[] {b});
      }
      assertThat(peer.read(7)).asString(ISO_8859_1).isEqualTo("+PONG\r\n");
      one = commands.connection();
    }
    commands.expect("connect", "message \"PING\"", "close PEER_CLOSED");
    assertThat(one.isOpen()).isFalse();
  }

  @Test
  void handshakeOfTheChosenProtocolGetsTheBytesThatChoseIt() throws Exception {
    byte[] bytes = "HI\0\0\0\1x".getBytes(ISO_8859_1);
    Multiplexer port = builder().otherwise(Texts::new, texts).build();
    for (int split = 0; split <= bytes.length; split++) {
      try (RawPeer peer = server == null ? connect(port) : RawPeer.connect(server)) {
        peer.write(Arrays.copyOfRange(bytes, 0, split));
        peer.write(Arrays.copyOfRange(bytes, split, bytes.length));
        assertThat(peer.read(7)).asString(ISO_8859_1).isEqualTo("ho\0\0\0\1x");
      }
      greeted.expect("connect", "message x", "close PEER_CLOSED");
    }
  }

  @Test
  void earlierChoiceThatNeedsMoreBytesGoesFirst() throws Exception {
    Multiplexer port =
        Multiplexer.builder()
            .when(FirstBytes.of("HI"), Greeting::new, greeted)
            .when(FirstBytes.of("H"), Protocols::resp, commands)
            .build();
    try (RawPeer peer = connect(port)) {
      peer.write(new byte[] {'H'});
      commands.expectNothingMore();
      peer.write(new byte[] {'I'});
      assertThat(peer.read(2)).asString(ISO_8859_1).isEqualTo("ho");
    }
    greeted.expect("connect", "close PEER_CLOSED");
  }

  @Test
  void whoIsNotRecognizedIsRefused() throws Exception {
    FirstBytes watched = FirstBytes.of("HIJKL");
    Multiplexer port =
        Multiplexer.builder()
            .when(watched, Greeting::new, greeted)
            .when(FirstBytes.of("*"), Protocols::resp, commands)
            .build();
    Protocol<Object, Object> protocol = port.protocol();
    try (Peer<Object, Object> peer = new Peer<>(protocol)) {
      assertThat(peer.sends("H").refusal()).isEmpty();
      assertThat(peer.sends("IJKM").refusal())
          .isEqualTo("!first bytes: 48494a4b4d (expected: one of 2 protocols)");
    }
    try (RawPeer peer = connect(port)) {
      peer.write(new byte[] {'X'}).expectEnd();
    }
  }

  @Test
  void undecidedBytesAreLimited() {
    FirstBytes undecided = bytes -> FirstBytes.Verdict.MORE;
    Multiplexer.Builder builder =
        Multiplexer.builder().when(undecided, Protocols::resp, commands).maxBytes(4);
    try (Peer<Object, Object> peer = new Peer<>(builder.build().protocol())) {
      assertThat(peer.sends("abc").refusal()).isEmpty();
      assertThat(peer.sends("defgh").refusal())
          .isEqualTo("!first bytes: 61626364 (expected: one of 1 protocols)");
    }
  }

  @Test
  void otherwiseTakesWhoIsUndecidedAtTheLimit() throws Exception {
    FirstBytes undecided = bytes -> FirstBytes.Verdict.MORE;
    Multiplexer port =
        Multiplexer.builder()
            .when(undecided, Protocols::resp, commands)
            .otherwise(Texts::new, texts)
            .maxBytes(3)
            .build();
    try (RawPeer peer = connect(port)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
    }
    texts.expect("connect", "message hello", "close PEER_CLOSED");
  }

  @Test
  void silentAndUndecidedClientsMeetTheHandshakeTimeout() throws Exception {
    Duration timeout = Duration.ofSeconds(3); // until then, the third one must have chosen
    try (RawPeer silent = connect(builder().build(), timeout);
        RawPeer undecided = RawPeer.connect(server).write(new byte[] {'H'});
        RawPeer halfway = RawPeer.connect(server).write("HI".getBytes(ISO_8859_1))) {
      silent.expectEnd();
      undecided.expectEnd();
      assertThat(halfway.read(2)).hasSize(2);
      greeted.expect("connect");
    }
    greeted.expect("close PEER_CLOSED");
  }

  @Test
  void whoIsSilentMayWaitForAGreeting() throws Exception {
    Handler<String, String> greeting =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.send("welcome");
          }

          @Override
          public void onMessage(Connection<String> connection, String text) {
            connection.send(text);
          }
        };
    Duration silence = Duration.ofSeconds(3); // until then, the two others must have written
    Multiplexer port = builder().otherwiseAfter(silence, Texts::new, greeting).build();
    try (RawPeer silent = connect(port);
        RawPeer quick = RawPeer.connect(server).write(PING);
        RawPeer undecided = RawPeer.connect(server).write(new byte[] {'H'})) {
      assertThat(silent.receive()).isEqualTo("welcome");
      assertThat(silent.send("*1").receive()).isEqualTo("*1");
      assertThat(quick.read(7)).asString(ISO_8859_1).isEqualTo("+PONG\r\n");
      assertThat(undecided.write(new byte[] {'I'}).read(2)).asString(ISO_8859_1).isEqualTo("ho");
    }
    commands.expect("connect", "message \"PING\"", "close PEER_CLOSED");
    greeted.expect("connect", "close PEER_CLOSED");
  }

  @Test
  void refusalByTheChosenProtocolClosesWithItsReason() throws Exception {
    Handler<RespCommand, RespValue> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<RespValue> connection, RespCommand message) {}

          @Override
          public void onClose(Connection<RespValue> connection, CloseReason reason) {
            closed.complete(reason);
          }
        };
    Multiplexer port =
        Multiplexer.builder().when(FirstBytes.of("*"), Protocols::resp, handler).build();
    try (RawPeer peer = connect(port)) {
      peer.write("*x\r\n".getBytes(ISO_8859_1)).readAll();
    }
    assertThat(closed.get(10, TimeUnit.SECONDS).kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
  }

  @Test
  void nothingToChooseFromIsRefused() {
    assertThatThrownBy(() -> Multiplexer.builder().build())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no protocol to choose from; call when() before build()");
    assertThatThrownBy(() -> Multiplexer.builder().maxBytes(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxBytes: 0 (expected: 1..65536)");
    assertThatThrownBy(() -> Multiplexer.builder().maxBytes(65_537))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxBytes: 65537 (expected: 1..65536)");
    assertThatThrownBy(() -> builder().otherwiseAfter(Duration.ZERO, Texts::new, texts))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("silence: PT0S (expected: > PT0S)");
  }
}
