package dev.jev.samples;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.WireLog;
import dev.jev.test.ProtocolContract;
import dev.jev.test.Replay;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Runs the code of docs/capture.md: each of its Java blocks is a region of this class. */
class CaptureGuideTest {

  // region capture
  /** Captures what the protocol sees of one connection in a hundred, without the names in it. */
  static Plugin capture(Path file) {
    return WireLog.pcap(file)
        .stage(Plugin.Stage.MESSAGES) // behind TLS; the default is SOCKET, before it
        .oneIn(100)
        .maxBytes(256L * 1024 * 1024)
        .mask(CaptureGuideTest::withoutNames)
        .build();
  }

  static byte[] withoutNames(byte[] bytes) {
    return new String(bytes, ISO_8859_1).replaceAll("name=\\w+", "name=*").getBytes(ISO_8859_1);
  }

  // endregion

  // region contract
  @TestFactory
  Stream<DynamicTest> protocolTakesWhatProductionSent() {
    return ProtocolContract.of(Protocols::lines)
        .message("hello")
        .capture(yesterday) // what clients have sent; captureOfServers: what servers have sent
        .tests();
  }

  // endregion

  // region replay
  static Replay.Result replay(String uri, Path file) throws Exception {
    return Replay.to(uri, file)
        .speed(10) // ten times as fast; atOnce() does not wait for the time at all
        .run();
  }

  // endregion

  @TempDir private static Path directory;

  private static Path yesterday;

  private static Server.Builder<String, String> server(Handler<String, String> handler) {
    return Server.builder(Protocols::lines, handler).listen("tcp://127.0.0.1:0");
  }

  @BeforeAll
  static void yesterday() throws Exception {
    yesterday = directory.resolve("yesterday.pcap");
    try (Server server =
            server(Handler.replying(line -> "re: " + line)).plugin(capture(yesterday)).start();
        RawClient client = new RawClient(server.port())) {
      assertThat(client.sends("name=ann\n").receivesLine()).isEqualTo("re: name=ann");
      assertThat(client.sends("x".repeat(3000) + "\n").receivesLine()).hasSize(3004);
    }
  }

  @Test
  void replayFindsADifferentAnswer() throws Exception {
    try (Server server = server(Handler.replying(line -> "re: " + line)).start()) {
      Replay.Result result = replay("tcp://127.0.0.1:" + server.port(), yesterday);
      assertThat(result.differences()).isEmpty();
      assertThat(result.sentBytes()).isEqualTo("name=*\n".length() + 3001);
    }
    try (Server server = server(Handler.replying(line -> "Re: " + line)).start()) {
      assertThat(replay("tcp://127.0.0.1:" + server.port(), yesterday).differences())
          .singleElement()
          .satisfies(d -> assertThat(d.connection()).isEqualTo(1))
          .satisfies(d -> assertThat(d.offset()).isZero());
    }
  }

  @Test
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("docs/capture.md", CaptureGuideTest.class);
  }
}
