package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Program;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.buffer.ByteBuf;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests transforms between a server and independent implementations. */
class StreamTransformServerTest {

  /** Sends ten texts and waits for their echoes, then ends its output and checks the trailer. */
  private static final String PYTHON_PEER =
      """
      import socket, struct, sys, zlib
      s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
      out = zlib.compressobj(6, zlib.DEFLATED, 31)
      back = zlib.decompressobj(31)
      for i in range(10):
        text = b'text number %d, and some more' % i
        frame = struct.pack('>I', len(text)) + text
        s.sendall(out.compress(frame) + out.flush(zlib.Z_SYNC_FLUSH))
        got = b''
        while len(got) < len(frame):
          data = s.recv(65536)
          assert data, 'closed'
          got += back.decompress(data)
        assert got == frame, got
      if sys.argv[2] == 'finish':
        s.sendall(out.flush(zlib.Z_FINISH))
      s.shutdown(socket.SHUT_WR)
      while True:
        data = s.recv(65536)
        if not data: break
        assert back.decompress(data) == b''
      assert back.eof, 'the stream has no end'
      print('ok')
      """;

  private final Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));

  @AfterEach
  void nothingIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  private static Server server(Handler<String, String> handler, StreamTransform transform) {
    return Server.<String, String>builder(Texts::new, handler)
        .listen("tcp://127.0.0.1:0")
        .maxFrameBytes(4 * 1024 * 1024)
        .maxPendingBytes(64 * 1024 * 1024)
        .plugin(transform)
        .start();
  }

  private static byte[] gzip(byte[]... parts) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
      for (byte[] part : parts) {
        gzip.write(part);
      }
    }
    return bytes.toByteArray();
  }

  @Test
  @CallsPrograms
  void pythonExchangesGzipWithTheServer() throws Exception {
    for (String end : new String[] {"finish", "stop after a flush"}) {
      Recorder<String, String> seen = new Recorder<>(Handler.replying(text -> text));
      try (Server server = server(seen, StreamTransform.gzip())) {
        String port = String.valueOf(server.port());
        byte[] output = Program.run(new byte[0], "python3", "-c", PYTHON_PEER, port, end);
        assertThat(output).asString(UTF_8).isEqualTo("ok\n");
        seen.expect("connect");
        for (int i = 0; i < 10; i++) {
          seen.expect("message text number " + i + ", and some more");
        }
        seen.expect("close PEER_CLOSED");
      }
    }
  }

  @Test
  void streamThatTheServerClosesHasItsTrailer() throws Exception {
    Handler<String, String> handler =
        (connection, message) -> {
          connection.send(message);
          connection.close();
        };
    try (Server server = server(handler, StreamTransform.gzip());
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(gzip(RawPeer.frames("bye")));
      byte[] all = peer.readAll();
      assertThat(new GZIPInputStream(new ByteArrayInputStream(all)).readAllBytes())
          .isEqualTo(RawPeer.frames("bye"));
    }
  }

  @Test
  @CallsPrograms
  void zstdStreamThatTheServerClosesCanBeReadByTheProgram() throws Exception {
    Handler<String, String> handler =
        (connection, message) -> {
          connection.send(message);
          connection.close();
        };
    try (Server server = server(handler, StreamTransform.zstd());
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(Program.run(RawPeer.frames("bye"), "zstd", "-c"));
      assertThat(Program.run(peer.readAll(), "zstd", "-d", "-c")).isEqualTo(RawPeer.frames("bye"));
    }
  }

  @Test
  void garbageClosesAfterTheRepliesBeforeIt() throws Exception {
    try (Server server = server(recorder, StreamTransform.gzip());
        RawPeer peer = RawPeer.connect(server)) {
      byte[] good = gzip(RawPeer.frames("good"));
      byte[] bytes = new byte[good.length + 10];
      System.arraycopy(good, 0, bytes, 0, good.length);
      peer.write(bytes);
      byte[] all = peer.readAll();
      assertThat(new GZIPInputStream(new ByteArrayInputStream(all)).readAllBytes())
          .isEqualTo(RawPeer.frames("good"));
      peer.shutdownOutput();
      recorder.expect("connect", "message good", "close PROTOCOL_ERROR");
    }
  }

  @Test
  void truncatedStreamIsAProtocolError() throws Exception {
    try (Server server = server(recorder, StreamTransform.gzip());
        RawPeer peer = RawPeer.connect(server)) {
      byte[] good = gzip(RawPeer.frames("good"));
      peer.socket().getOutputStream().write(good, 0, good.length - 3);
      peer.shutdownOutput();
      peer.readAll();
      recorder.expect("connect", "message good", "close PROTOCOL_ERROR");
    }
  }

  @Test
  void bombIsStoppedByTheRatioWhileMessagesAreSmall() throws Exception {
    CloseReason[] reasons = new CloseReason[1];
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {}

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            reasons[0] = reason;
          }
        };
    try (Server server = server(handler, StreamTransform.gzip());
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(gzip(new byte[50_000_000])); // empty messages
      peer.readAll();
      peer.shutdownOutput();
      Eventually.holds("the connection is closed", () -> reasons[0] != null);
      assertThat(reasons[0].kind()).isEqualTo(CloseReason.Kind.LIMIT);
      assertThat(reasons[0].cause()).hasMessageStartingWith("transformed input: ");
    }
  }

  @Test
  void bombIsStoppedByTheFrameLimitBeforeMuchOfItIsInflated() throws Exception {
    Recorder<String, String> seen = Recorder.silent();
    try (Server server =
            Server.<String, String>builder(Texts::new, seen)
                .listen("tcp://127.0.0.1:0")
                .maxFrameBytes(64 * 1024)
                .plugin(StreamTransform.gzip())
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(gzip(RawPeer.length(50_000_000), new byte[50_000_000]));
      peer.readAll();
      peer.shutdownOutput();
      seen.expect("connect", "close PROTOCOL_ERROR");
    }
  }

  @Test
  void peerThatDoesNotReadIsNotReadFromEither() throws Exception {
    String text = incompressibleText();
    Recorder<String, String> seen = new Recorder<>((connection, message) -> connection.send(text));
    try (Server server = server(seen, StreamTransform.gzip());
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      byte[][] frames = Stream.generate(() -> RawPeer.frames("x")).limit(40).toArray(byte[][]::new);
      peer.write(gzip(frames));
      Connection<String> connection = seen.connection();
      Eventually.holds("the connection is not writable", () -> !connection.isWritable());
      assertThat(connection.pendingBytes()).isLessThan(8 * 1024 * 1024);
      peer.shutdownOutput();
      byte[] all = new GZIPInputStream(peer.socket().getInputStream()).readAllBytes();
      assertThat(all).hasSize(40 * (1024 * 1024 + 4));
    }
  }

  /** Returns one mebibyte that can hardly be compressed. */
  private static String incompressibleText() {
    byte[] ascii = new byte[1024 * 1024];
    new Random(1).nextBytes(ascii);
    for (int i = 0; i < ascii.length; i++) {
      ascii[i] &= 0x7f;
    }
    return new String(ascii, US_ASCII);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void longTrailerThatFollowsTheEndOfTheOutputIsSentBeforeTheClose(boolean byPeer)
      throws Exception {
    Recorder<String, String> seen =
        new Recorder<>((connection, message) -> connection.shutdownOutput());
    try (Server server = server(seen, StreamTransform.of(LongTrailer::new));
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
      Connection<String> connection = seen.connection();
      peer.send("end your output");
      seen.expect("connect", "message end your output");
      if (byPeer) {
        peer.shutdownOutput();
      } else {
        connection.close();
      }
      Eventually.holds("the connection closes", () -> !connection.isOpen());
      CountDownLatch closing = new CountDownLatch(1);
      connection.execute(closing::countDown);
      assertThat(closing.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(peer.readAll()).hasSize(LongTrailer.BYTES);
    }
    seen.expect("close " + (byPeer ? "PEER_CLOSED" : "CLOSED"));
  }

  /** Copies everything, and ends the output with more bytes than a socket takes at once. */
  private static final class LongTrailer implements StreamTransform.Transformer {
    private static final int BYTES = 16 << 20;

    @Override
    public void inbound(ByteBuf in, ByteBuf out) {
      out.writeBytes(in);
    }

    @Override
    public void outbound(ByteBuf in, ByteBuf out) {
      out.writeBytes(in);
    }

    @Override
    public void finish(ByteBuf out) {
      out.writeZero(BYTES);
    }
  }

  @Test
  void missingZstdIsReportedAtConfiguration() throws Exception {
    String classPath = Program.classPathWithout("zstd-jni");
    try (Program program = Program.java("-cp", classPath, WithoutZstd.class.getName())) {
      assertThat(program.exitStatus()).isZero();
      assertThat(program.output())
          .containsExactly(
              "gzip is available",
              "java.lang.IllegalStateException: zstd is not available; add"
                  + " com.github.luben:zstd-jni to the class path");
    }
  }

  /** Prints what happens if zstd is configured. */
  static final class WithoutZstd {
    private WithoutZstd() {}

    public static void main(String[] args) {
      StreamTransform.gzip();
      System.out.println("gzip is available");
      try {
        StreamTransform.zstd();
      } catch (IllegalStateException e) {
        System.out.println(e);
      }
    }
  }
}
