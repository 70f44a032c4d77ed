package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import dev.jev.CallsPrograms;
import dev.jev.Client;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Plugin;
import dev.jev.Program;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Captures, as they are in the file and as tshark reads them. */
@Timeout(60)
class PcapTest {

  @TempDir private Path directory;

  private Path file() {
    return directory.resolve("capture.pcap");
  }

  private WireLog.PcapBuilder capture() {
    return WireLog.pcap(file());
  }

  private static Server.Builder<String, String> echo(Plugin... plugins) {
    Server.Builder<String, String> builder =
        Server.<String, String>builder(Texts::new, Handler.replying(text -> text))
            .listen("tcp://127.0.0.1:0")
            .lingeringCloseTimeout(Duration.ofMillis(50));
    Arrays.stream(plugins).forEach(builder::plugin);
    return builder;
  }

  private static void talk(Server server, String... texts) throws Exception {
    try (RawPeer peer = RawPeer.connect(server)) {
      for (String text : texts) {
        assertThat(peer.send(text).receive()).isEqualTo(text);
      }
    }
  }

  /** Returns the fields of the packets, one line each. */
  private List<String> tshark(String filter, String... fields) throws Exception {
    String[] command = {"tshark", "-r", file().toString(), "-Y", filter, "-T", "fields"};
    String[] all = Arrays.copyOf(command, command.length + 2 * fields.length);
    for (int i = 0; i < fields.length; i++) {
      all[command.length + 2 * i] = "-e";
      all[command.length + 2 * i + 1] = fields[i];
    }
    return new String(Program.run(new byte[0], all), UTF_8).lines().toList();
  }

  @Test
  @CallsPrograms
  void tsharkReadsEachConnectionFromItsHandshakeToItsEnd() throws Exception {
    try (Server server = echo(capture().build()).start()) {
      talk(server, "hello", "x".repeat(100_000));
      talk(server, "again");
      assertThat(tshark("tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.dstport"))
          .isSubsetOf(String.valueOf(server.port()));
    }
    assertThat(tshark("tcp.flags.syn == 1", "tcp.stream")).containsExactly("0", "0", "1", "1");
    assertThat(tshark("tcp.flags.fin == 1", "tcp.stream"))
        .containsExactlyInAnyOrder("0", "0", "1", "1");
    assertThat(
            tshark("tcp.analysis.flags || _ws.malformed || ip.checksum_bad.expert", "tcp.stream"))
        .isEmpty();
    assertThat(tshark("tcp.stream == 1 && tcp.len > 0", "tcp.payload"))
        .containsExactly("00000005616761696e", "00000005616761696e");
    int bytes = tshark("tcp.stream == 0", "tcp.len").stream().mapToInt(Integer::parseInt).sum();
    assertThat(bytes).isEqualTo(2 * (4 + 5 + 4 + 100_000));
    double seconds = Double.parseDouble(tshark("frame.number == 1", "frame.time_epoch").get(0));
    assertThat(seconds).isCloseTo(System.currentTimeMillis() / 1000.0, offset(60.0));
  }

  @Test
  @CallsPrograms
  void bytesBeforeTlsAreEncryptedAndThoseBehindItAreNot() throws Exception {
    X509Bundle bundle =
        new CertificateBuilder()
            .ecp256()
            .subject("CN=localhost")
            .addSanDnsName("localhost")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    Path certificate = Files.writeString(directory.resolve("c"), bundle.getCertificatePEM());
    Path key = Files.writeString(directory.resolve("k"), bundle.getPrivateKeyPEM());
    for (Plugin.Stage stage : List.of(Plugin.Stage.SOCKET, Plugin.Stage.MESSAGES)) {
      BlockingQueue<String> received = new LinkedBlockingQueue<>();
      Tls tls = Tls.server().identity(TlsIdentity.pem(certificate, key)).build();
      try (Server server = echo(tls, capture().stage(stage).build()).start();
          Client<String> client =
              Client.<String, String>builder(Texts::new, (c, text) -> received.add(text))
                  .plugin(Tls.client().trustPem(certificate).build())
                  .connect("tcp://localhost:" + server.port())) {
        client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS).send("secret");
        assertThat(received.poll(10, TimeUnit.SECONDS)).isEqualTo("secret");
      }
      boolean plain = stage == Plugin.Stage.MESSAGES;
      assertThat(tshark("tcp contains \"secret\"", "tcp.len")).hasSize(plain ? 2 : 0);
      assertThat(tshark("tcp.len > 0", "tcp.len").isEmpty()).isFalse();
    }
  }

  @Test
  @CallsPrograms
  void clientAndUnixSocketAreCapturedToo() throws Exception {
    Plugin plugin = capture().build();
    BlockingQueue<String> received = new LinkedBlockingQueue<>();
    String uri = "unix://" + directory.resolve("s");
    try (Server server =
            Server.<String, String>builder(Texts::new, Handler.replying(text -> text))
                .listen(uri)
                .plugin(plugin)
                .start();
        Client<String> client =
            Client.<String, String>builder(Texts::new, (c, text) -> received.add(text))
                .plugin(plugin)
                .connect(uri)) {
      client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS).send("hello");
      assertThat(received.poll(10, TimeUnit.SECONDS)).isEqualTo("hello");
      assertThat(server.connectionCount()).isEqualTo(1);
    }
    assertThat(tshark("tcp.len > 0", "tcp.len")).containsExactly("9", "9", "9", "9");
    assertThat(tshark("tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.dstport"))
        .containsExactly("1", "1");
  }

  @Test
  void everyNthConnectionIsCaptured() throws Exception {
    try (Server server = echo(capture().oneIn(3).build()).start()) {
      for (int i = 0; i < 7; i++) {
        talk(server, "text " + i);
      }
    }
    String all = Files.readString(file(), ISO_8859_1);
    assertThat(all).contains("text 0", "text 3", "text 6").doesNotContain("text 1", "text 2");
  }

  @Test
  void fileEndsAtTheLimitWithAWholePacketAndSaysSo() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        Server server = echo(capture().maxBytes(2000).build()).start()) {
      talk(server, "x".repeat(500), "x".repeat(500), "x".repeat(500));
      log.await("capture " + file() + " ended: limit of 2000 bytes reached");
    }
    assertThat(Files.size(file())).isBetween(1000L, 2000L);
  }

  @Test
  void payloadIsMaskedBeforeItIsWritten() throws Exception {
    WireLog.PcapBuilder masked =
        capture()
            .mask(
                bytes -> {
                  Arrays.fill(bytes, 4, bytes.length, (byte) '*');
                  return bytes;
                });
    try (Server server = echo(masked.build()).start()) {
      talk(server, "secret");
    }
    String all = Files.readString(file(), ISO_8859_1);
    assertThat(all).contains("\0\0\0\6******").doesNotContain("secret");
  }

  @Test
  void zerosAreWrittenIfTheMaskFails() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        Server server =
            echo(capture()
                    .mask(
                        bytes -> {
                          throw new IllegalStateException("no");
                        })
                    .build())
                .start()) {
      talk(server, "secret");
      log.await("the mask of the capture " + file() + " failed, zeros are written");
    }
    String all = Files.readString(file(), ISO_8859_1);
    assertThat(all).doesNotContain("secret").contains("\0".repeat(10));
  }

  @Test
  void maskThatReturnsNullHasFailedToo() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        Server server = echo(capture().mask(PcapTest::nothing).build()).start()) {
      talk(server, "secret");
      log.await("the mask of the capture " + file() + " failed, zeros are written");
    }
    assertThat(Files.readString(file(), ISO_8859_1)).doesNotContain("secret");
  }

  private static byte[] nothing(byte[] bytes) {
    return null;
  }

  @Test
  void existingFileIsReplacedWithItsPermissions() throws Exception {
    Path other = Files.writeString(directory.resolve("other"), "other");
    Files.createSymbolicLink(file(), other);
    try (Server server = echo(capture().build()).start()) {
      talk(server, "hello");
      assertThat(Files.getPosixFilePermissions(file(), LinkOption.NOFOLLOW_LINKS))
          .containsOnly(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);
    }
    assertThat(other).hasContent("other");
  }

  @Test
  void nothingIsCapturedBehindADetach() throws Exception {
    Handler<String, String> detaching =
        (connection, text) ->
            connection.detach(
                new ChannelInboundHandlerAdapter() {
                  @Override
                  public void channelRead(ChannelHandlerContext ctx, Object message) {
                    ctx.writeAndFlush(message);
                  }
                });
    try (Server server =
            Server.builder(Texts::new, detaching)
                .listen("tcp://127.0.0.1:0")
                .plugin(capture().build())
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("detach", "behind");
      assertThat(peer.receive()).isEqualTo("behind");
    }
    String all = Files.readString(file(), ISO_8859_1);
    assertThat(all).contains("detach").containsOnlyOnce("behind"); // read in one piece with it
  }

  @Test
  void fileIsClosedWithTheLastServerAndCannotBeStartedAgain() throws Exception {
    Plugin plugin = capture().build();
    try (Server first = echo(plugin).start()) {
      try (Server second = echo(plugin).start()) {
        talk(second, "one");
      }
      talk(first, "two");
    }
    long size = Files.size(file());
    assertThatThrownBy(() -> echo(plugin).start())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("capture " + file() + " has ended; build a new one");
    assertThat(Files.size(file())).isEqualTo(size);
  }

  @Test
  void connectionThatHasEndedCanBeReadWhileTheServerRuns() throws Exception {
    try (Server server = echo(capture().build()).start()) {
      talk(server, "hello");
      Eventually.holds("the packets are in the file", () -> Files.size(file()) > 300);
      if (file().getFileSystem().supportedFileAttributeViews().contains("posix")) {
        assertThat(Files.getPosixFilePermissions(file()))
            .containsOnly(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);
      }
    }
  }

  @Test
  void wrongValuesAreRefused() {
    Path missing = directory.resolve("missing").resolve("capture.pcap");
    assertThatThrownBy(() -> echo(WireLog.pcap(missing).build()).start())
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("cannot create the capture " + missing)
        .hasCauseInstanceOf(NoSuchFileException.class);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> capture().oneIn(0))
        .withMessage("oneIn: 0 (expected: 1..2147483647)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> capture().maxBytes(1023))
        .withMessage("maxBytes: 1023 (expected: 1024..9223372036854775807)");
  }
}
