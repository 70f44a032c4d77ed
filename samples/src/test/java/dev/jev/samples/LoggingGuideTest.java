package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Plugin;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import dev.jev.plugin.WireLog;
import dev.jev.samples.options.SelfSigned;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs the code of docs/logging.md: each of its Java blocks is a region of this class. */
@Timeout(60)
class LoggingGuideTest {

  // region quiet
  static final Logger JEV = Logger.getLogger("dev.jev"); // java.util.logging holds it weakly

  static void withoutScanners() {
    JEV.setFilter(record -> !record.getMessage().startsWith("TLS client "));
  }

  // endregion

  // region wire
  /** Logs the bytes of some peers only. */
  record WireLogOf(Predicate<SocketAddress> peers, WireLog log) implements Plugin {

    @Override
    public Stage stage() {
      return log.stage();
    }

    @Override
    public @Nullable Observer install(Link link) {
      return peers.test(link.connection().remoteAddress()) ? log.install(link) : null;
    }
  }

  // endregion

  @AfterEach
  void reset() {
    JEV.setFilter(null);
  }

  @Test
  void refusedClientIsCountedButNotLogged(@TempDir Path directory) throws Exception {
    Path store = directory.resolve("server.p12");
    SelfSigned.makeCertificate(store, "only for this test");
    try (LogCapture log = new LogCapture("dev.jev")) {
      refuseOne(store);
      log.await("TLS client ");
      log.forget();
      withoutScanners();
      refuseOne(store); // with a plugin of its own, and so a rate limit of its own
      assertThat(log.messages("TLS client ")).isEmpty();
      assertThat(log.messages("TLS runs on ")).hasSize(1);
    }
  }

  private static void refuseOne(Path store) throws Exception {
    BlockingQueue<SocketAddress> refused = new LinkedBlockingQueue<>();
    Tls tls =
        Tls.server()
            .identity(TlsIdentity.pkcs12(store, "only for this test"))
            .onRefused((peer, reason) -> refused.add(peer)) // called after the log
            .build();
    try (Server server = lines().plugin(tls).start();
        RawClient client = new RawClient(server.port())) {
      assertThat(client.sends("GET /").receivesAll()).hasSize(7); // an alert
      assertThat(refused.poll(20, TimeUnit.SECONDS)).isNotNull();
      assertThat(tls.handshakes().refused()).isOne();
    }
  }

  private static Server.Builder<String, String> lines() {
    Handler<String, String> echo = Handler.replying(line -> line);
    return Server.<String, String>builder(Protocols::lines, echo).listen("tcp://127.0.0.1:0");
  }

  @Test
  void bytesOfOnePeerAreLogged() throws Exception {
    Set<SocketAddress> suspects = ConcurrentHashMap.newKeySet();
    BlockingQueue<String> entries = new LinkedBlockingQueue<>();
    WireLog log = WireLog.builder().to(entries::add).build();
    try (Server server = lines().plugin(new WireLogOf(suspects::contains, log)).start();
        Socket suspect = new Socket();
        RawClient other = new RawClient(server.port())) {
      suspect.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      suspects.add(suspect.getLocalSocketAddress());
      suspect.connect(server.addresses().get(0));
      assertThat(other.sends("hi\n").receivesLine()).isEqualTo("hi");
      suspect.getOutputStream().write("me\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(suspect.getInputStream().readNBytes(3)).hasSize(3);
      Eventually.holds("its output is logged", () -> entries.size() >= 2);
      assertThat(entries).allMatch(entry -> entry.contains(" " + suspect.getLocalSocketAddress()));
      assertThat(entries.peek()).contains("read 3 bytes").contains("6d 65 0a");
    }
  }

  @Test
  void documentShowsThisCode() throws Exception {
    Snippets.expectShown("docs/logging.md", LoggingGuideTest.class);
  }
}
