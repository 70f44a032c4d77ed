package dev.jev.test;

import static io.netty.buffer.Unpooled.wrappedBuffer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Connection;
import dev.jev.Server;
import io.netty.buffer.ByteBuf;
import java.io.EOFException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The small fixtures: hex, clock, recorder, raw peer. */
class FixturesTest {

  @Test
  void hexIsReadAndWritten() {
    assertThat(Hex.bytes(" 00 ff\n7F")).containsExactly(0, 255, 127);
    assertThat(Hex.of((byte) 0, (byte) 255)).isEqualTo("00ff");
    ByteBuf buffer = wrappedBuffer(new byte[] {1, 2, 3}).skipBytes(1);
    assertThat(Hex.of(buffer)).isEqualTo("0203");
    assertThat(buffer.readableBytes()).isEqualTo(2);
    assertThatIllegalArgumentException().isThrownBy(() -> Hex.bytes("0"));
    assertThatIllegalArgumentException().isThrownBy(() -> Hex.bytes("0x"));
  }

  @Test
  void dumpShowsOffsetsSplitsAndText() {
    byte[] bytes = new byte[18];
    bytes[0] = 'H';
    bytes[1] = 'i';
    bytes[17] = (byte) 0xff;
    assertThat(Hex.dump(bytes, 1, 17).lines())
        .containsExactly(
            "00000000  48|69 00 00 00 00 00 00 00 00 00 00 00 00 00 00  Hi..............",
            "00000010  00|ff                                            ..");
  }

  @Test
  void clockDoesThingsAtTheirTimeAndInOrder() {
    ManualClock clock = new ManualClock();
    List<String> done = new ArrayList<>();
    clock.schedule(Duration.ofNanos(20), () -> done.add("b at " + clock.nanoTime()));
    clock.schedule(
        Duration.ofNanos(10),
        () -> {
          done.add("a at " + clock.nanoTime());
          clock.schedule(Duration.ofNanos(10), () -> done.add("c at " + clock.nanoTime()));
        });
    clock.advance(Duration.ofNanos(9));
    assertThat(done).isEmpty();
    clock.advance(Duration.ofNanos(21));
    assertThat(done).containsExactly("a at 10", "b at 20", "c at 20");
    assertThat(clock.nanoTime()).isEqualTo(30);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> clock.advance(Duration.ofNanos(-1)))
        .withMessage("time: PT-0.000000001S (expected: >= PT0S)");
  }

  @Test
  void recorderAndRawPeerTellWhatCame() throws Exception {
    Recorder<String, String> recorder = Recorder.before(Connection::send);
    try (Server server =
            Server.builder(ShortTexts::new, recorder)
                .listen("tcp://127.0.0.1:0")
                .eventLoops(1)
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      assertThat(recorder.connection().isOpen()).isTrue();
      peer.write("02 6869").expect("02 6869");
      recorder.expect("connect");
      recorder.expectMessage("hi");
      recorder.expectNothingMore();
      peer.write("01 61");
      assertThatExceptionOfType(AssertionError.class)
          .isThrownBy(() -> peer.expect("01 62"))
          .withMessage("read: 0161 (expected: 0162)");
      assertThatExceptionOfType(AssertionError.class)
          .isThrownBy(() -> recorder.expect("message b"))
          .withMessage("events: [message a] (expected: [message b])");
      peer.timeout(Duration.ofMillis(20));
      assertThatExceptionOfType(SocketTimeoutException.class).isThrownBy(() -> peer.read(1));
      peer.timeout(Duration.ofSeconds(10)).shutdownOutput();
      assertThatExceptionOfType(EOFException.class)
          .isThrownBy(() -> peer.read(2))
          .withMessage("read: 0 bytes (expected: 2)");
      peer.expectEnd();
      recorder.expect("close PEER_CLOSED");
    }
  }

  @Test
  void recorderPrintsBytesAndComplainsOfWhatIsLeft() {
    Recorder<byte[], byte[]> recorder = Recorder.silent();
    InMemoryConnection.<byte[], byte[]>to(recorder).open().receive(new byte[] {1, 2});
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(recorder::expectNothingMore)
        .withMessage("events: [connect, message 2 bytes 0102] (expected: none)");
  }
}
