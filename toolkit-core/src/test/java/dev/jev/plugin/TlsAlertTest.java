package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.jev.Client;
import dev.jev.LogCapture;
import dev.jev.Loopback;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.Transport;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A client that refuses a certificate tells the server why, before the connection ends. */
class TlsAlertTest {

  private static final int ROUNDS = 10;

  @ParameterizedTest
  @CsvSource({
    "JDK, NIO",
    "JDK, EPOLL",
    "JDK, IO_URING",
    "BORINGSSL, NIO",
    "BORINGSSL, EPOLL",
    "BORINGSSL, IO_URING"
  })
  void alertArrivesBeforeTheEnd(
      Tls.Provider provider, Transport transport, @TempDir Path trusted, @TempDir Path unknown)
      throws Exception {
    assumeTrue(transport.isAvailable());
    Tls tls =
        Tls.server()
            .provider(provider)
            .identity(new Certificates(unknown).pem("localhost"))
            .build();
    Path authority = new Certificates(trusted).authorityPem();
    CloseReasons reasons = new CloseReasons();
    try (LogCapture log = new LogCapture("dev.jev");
        Server server =
            Server.builder(Texts::new, Recorder.<String, String>silent())
                .plugin(reasons)
                .plugin(tls)
                .transport(transport)
                .listen("tcp://127.0.0.1:0")
                .start()) {
      for (int i = 0; i < ROUNDS; i++) {
        Client<String> client =
            Loopback.client(Client.builder(Texts::new, Recorder.<String, String>silent()))
                .plugin(Tls.client().provider(provider).trustPem(authority).build())
                .transport(transport)
                .connect("tcp://localhost:" + server.port());
        assertThat(reasons.next().toString()).startsWith("PROTOCOL_ERROR: TLS: ");
        client.close();
      }
      assertThat(log.records()).isNotEmpty(); // the server tells whom it refused
    }
  }
}
