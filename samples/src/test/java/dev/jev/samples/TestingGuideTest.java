package dev.jev.samples;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.codec.Protocols;
import dev.jev.test.InMemoryConnection;
import dev.jev.test.ManualClock;
import dev.jev.test.ProtocolContract;
import dev.jev.test.RawPeer;
import dev.jev.test.Recorder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/** Runs the code of docs/testing.md: each of its Java blocks is a region of this class. */
@Timeout(60)
class TestingGuideTest {

  // region contract
  @TestFactory
  Stream<DynamicTest> numbersInLinesKeepTheContract() {
    return ProtocolContract.of(() -> Protocols.lines().map(Integer::valueOf, String::valueOf))
        .message(42)
        .wire("2d 37 0a", -7) // the bytes of "-7" and a line feed
        .refused("78 0a", "NumberFormatException") // and those of "x"
        .tests();
  }

  // endregion

  // region greeter
  /** Greets by name, and closes a connection that has not told its name within 30 s. */
  static final class Greeter implements Handler<String, String> {

    @Override
    public void onConnect(Connection<String> connection) {
      connection.runAfter(Duration.ofSeconds(30), () -> closeUnnamed(connection));
    }

    private static void closeUnnamed(Connection<String> connection) {
      if (connection.attachment(String.class) == null) {
        connection.close("no name");
      }
    }

    @Override
    public void onMessage(Connection<String> connection, String name) {
      connection.attach(name);
      connection.send("hello " + name);
    }
  }

  @Test
  void connectionWithoutANameIsClosedAfter30Seconds() {
    ManualClock clock = new ManualClock();
    Greeter greeter = new Greeter();
    InMemoryConnection<String, String> ann = InMemoryConnection.to(greeter, clock).open();
    InMemoryConnection<String, String> silent = InMemoryConnection.to(greeter, clock).open();

    ann.receive("Ann");
    clock.advance(Duration.ofSeconds(29));
    assertThat(silent.isOpen()).isTrue();
    clock.advance(Duration.ofSeconds(1)); // runs the timers, without waiting

    assertThat(silent.closeReason()).isEqualTo(CloseReason.of(Kind.CLOSED, "no name"));
    assertThat(ann.isOpen()).isTrue();
    assertThat(ann.sent()).containsExactly("hello Ann");
  }

  // endregion

  // region pressure
  /** Counts down to zero, as fast as its peer reads. */
  static final class Countdown implements Handler<String, Integer> {

    private int next;

    @Override
    public void onMessage(Connection<Integer> connection, String first) {
      next = Integer.parseInt(first);
      onWritable(connection);
    }

    @Override
    public void onWritable(Connection<Integer> connection) {
      while (next >= 0 && connection.isWritable()) {
        connection.send(next--);
      }
    }
  }

  @Test
  void nothingIsSentWhileThePeerDoesNotRead() {
    Countdown countdown = new Countdown();
    InMemoryConnection<String, Integer> connection = InMemoryConnection.to(countdown).open();
    countdown.onMessage(connection.block(), "3");
    assertThat(connection.sent()).isEmpty();
    assertThat(connection.unblock().sent()).containsExactly(3, 2, 1, 0); // by onWritable
  }

  // endregion

  // region failure
  @Test
  void handlerThatThrowsClosesItsConnection() {
    Handler<String, Integer> parser = Handler.replying(Integer::valueOf);
    InMemoryConnection<String, Integer> careless = InMemoryConnection.to(parser).open();
    assertThatThrownBy(() -> careless.receive("x")).isInstanceOf(NumberFormatException.class);

    InMemoryConnection<String, Integer> connection =
        InMemoryConnection.to(parser).expectClose().open().receive("x"); // throws nothing
    assertThat(connection.closeReason().kind()).isEqualTo(Kind.HANDLER_ERROR);
  }

  // endregion

  // region local
  @Test
  void serverAndClientTalkWithinTheProcess() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server =
            Server.builder(Protocols::lines, new Greeter())
                .transport(Transport.LOCAL)
                .listen("local://greeter") // a name, in place of a port
                .start();
        Client<String> client =
            Client.builder(Protocols::lines, recorder)
                .transport(Transport.LOCAL)
                .connect("local://greeter")) {
      recorder.connection().send("Ann"); // waits for the connection
      recorder.expect("connect", "message hello Ann"); // waits for them, at most 10 s
      assertThat(client.isConnected()).isTrue();
      assertThat(server.connectionCount()).isEqualTo(1);
    }
    recorder.expect("close CLOSED");
    recorder.expectNothingMore();
  }

  // endregion

  // region socket
  @Test
  void peerThatEndsItsOutputGetsItsAnswerAndNoReset() throws Exception {
    try (Server server =
            Server.builder(Protocols::lines, new Greeter()).listen("tcp://127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write("41 6e").write("6e 0a").shutdownOutput(); // "Ann" in two parts, then a FIN
      assertThat(peer.readAll()).isEqualTo("hello Ann\n".getBytes(US_ASCII));
    }
  }

  // endregion

  // region leak
  @Test
  void echoReleasesItsBuffers() {
    Handler<ByteBuf, ByteBuf> echo = Connection::send;
    InMemoryConnection<ByteBuf, ByteBuf> connection = InMemoryConnection.to(echo).open();
    ByteBuf message = Unpooled.copiedBuffer("hello", US_ASCII);
    connection.receive(message).releaseSent(); // sent messages belong to the connection
    assertThat(message.refCnt()).isZero();
  }

  // endregion

  @Test
  void offloadedHandlerIsTestedOnTheThreadOfTheTest() {
    InMemoryConnection<String, String> connection =
        InMemoryConnection.to(new Greeter().offload(Runnable::run)).open().receive("Ann");
    assertThat(connection.sent()).isEqualTo(List.of("hello Ann"));
    assertThat(connection.peerCloses().closeReason()).isEqualTo(CloseReason.of(Kind.PEER_CLOSED));
  }

  @Test
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("docs/testing.md", TestingGuideTest.class);
  }
}
