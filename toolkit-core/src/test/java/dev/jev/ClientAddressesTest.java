package dev.jev;

import static dev.jev.ClientTest.failure;
import static dev.jev.ClientTest.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.plugin.Tls;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A client with several addresses, which take turns. */
class ClientAddressesTest {

  private final Recorder<String, String> recorder = Recorder.silent();
  private final LogCapture log = new LogCapture("dev.jev");

  @AfterEach
  void nothingIsLeft() throws Exception {
    log.close();
    Eventually.noServerThreadIsLeft();
  }

  /** A server that sends its name to each client. */
  private static Server serve(String name) {
    Handler<String, String> greeter =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.send(name);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    return Server.builder(Texts::new, greeter).listen("tcp://127.0.0.1:0").eventLoops(1).start();
  }

  private Client.Builder<String, String> client() {
    return Client.builder(Texts::new, recorder);
  }

  private static String uri(Server server) {
    return "tcp://127.0.0.1:" + server.port();
  }

  /** The address of a port on which nothing listens. */
  private static String deadUri() throws Exception {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return "tcp://127.0.0.1:" + free.getLocalPort();
    }
  }

  @Test
  void nextAddressIsTriedAtOnceWhenOneFails() throws Exception {
    try (Server server = serve("third");
        Client<String> client = client().connect(deadUri(), deadUri(), uri(server))) {
      get(client.connected());
      recorder.expect("connect", "message third");
      assertThat(log.messages("; next attempt in 0 ms")).hasSize(2);
    }
  }

  @Test
  void clientThatDoesNotReconnectFailsWithTheLastAddressWhenAllHaveFailed() throws Exception {
    String last = deadUri();
    try (Client<String> client = client().connect(deadUri(), last)) {
      assertThat(failure(client.connected()))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("cannot connect to " + last + ": ");
    }
  }

  @Test
  void clientWaitsWhenAllAddressesHaveFailed() throws Exception {
    String first = deadUri();
    String second = deadUri();
    try (Client<String> client =
        client()
            .reconnect(Duration.ofDays(1), Duration.ofDays(1))
            .random(bound -> bound - 1)
            .connect(first, second)) {
      log.await("cannot connect to " + first);
      log.await("cannot connect to " + second);
      assertThat(log.messages("; next attempt in 0 ms")).hasSize(1);
      assertThat(log.messages("; next attempt in 86400000 ms")).hasSize(1);
      assertThat(client.isConnected()).isFalse();
    }
  }

  @Test
  @SuppressWarnings("try") // the second server ends within, and the client is only to be there
  void lostConnectionMovesOnToTheNextAddressAndAroundToTheFirst() throws Exception {
    try (Server first = serve("first");
        Server second = serve("second");
        Client<String> client =
            client()
                .reconnect(Duration.ofMillis(1), Duration.ofMillis(10))
                .connect(uri(first), uri(second))) {
      for (String name : List.of("first", "second", "first")) {
        recorder.expect("connect", "message " + name);
        recorder.connection().close();
        recorder.expect("close CLOSED");
      }
      recorder.expect("connect", "message second");
      recorder.connection();
      second.close();
      recorder.expect("close PEER_CLOSED", "connect", "message first");
      recorder.connection().close();
      recorder.expect("close CLOSED", "connect", "message first"); // the second is down
    }
  }

  @Test
  void eachAddressIsChecked() {
    assertThatThrownBy(() -> client().connect("tcp://a:1", "tcp://b:70000"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("port: 70000 (expected: ");
    assertThatThrownBy(() -> client().connect("tcp://a:1", "local://b"))
        .hasMessageStartingWith("transport: AUTO (expected: LOCAL, for an address local://)");
  }

  @Test
  void pluginsSeeAllAddresses() throws Exception {
    AtomicReference<List<String>> seen = new AtomicReference<>();
    Plugin plugin =
        new Plugin() {
          @Override
          public void start(PluginHost host) {
            seen.set(host.configuredAddresses());
          }
        };
    String first = deadUri();
    String second = deadUri();
    client().plugin(plugin).connect(first, second).close();
    assertThat(seen.get()).containsExactly(first, second);
  }

  @Test
  void failedHandshakeMovesOnToNoOtherAddressWhenConnectingHasStopped() throws Exception {
    AtomicReference<PluginHost> host = new AtomicReference<>();
    Plugin plugin =
        new Plugin() {
          @Override
          public void start(PluginHost started) {
            host.set(started);
          }
        };
    try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Server other = serve("other");
        Client<String> client =
            client()
                .plugin(plugin)
                .plugin(Tls.client().insecure().build())
                .connect("tcp://127.0.0.1:" + silent.getLocalPort(), uri(other))) {
      try (Socket accepted = silent.accept()) {
        assertThat(accepted.getInputStream().read()).isNotNegative(); // of the ClientHello
        host.get().stopAccepting();
      }
      assertThat(failure(client.connected().toCompletableFuture()))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(String.valueOf(silent.getLocalPort()));
      assertThat(other.connectionCount()).isZero();
    }
  }
}
