package dev.jev.metrics;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.ConnectionInfo;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Requests;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Texts;
import dev.jev.Topic;
import dev.jev.Transport;
import dev.jev.plugin.Limits;
import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The meters of servers, clients, topics and limits, over real sockets. */
@Timeout(60)
class MetricsTest {

  private static final String LISTENER = "tcp://127.0.0.1:0";

  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final Metrics metrics = Metrics.of(registry);
  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private Server.Builder<String, String> builder(Handler<String, String> handler) {
    return Server.builder(Texts::new, handler)
        .name("echo")
        .plugin(metrics)
        .listen(LISTENER)
        .eventLoops(2)
        .lingeringCloseTimeout(Duration.ofMillis(100));
  }

  private Server start(Server.Builder<String, String> builder) {
    server = builder.start();
    return server;
  }

  private double count(String name, String... tags) {
    FunctionCounter counter = registry.get(name).tags(tags).functionCounter();
    return counter.count();
  }

  private double gauge(String name, String... tags) {
    Gauge gauge = registry.get(name).tags(tags).gauge();
    return gauge.value();
  }

  private void await(String what, double value, String... tags) throws Exception {
    Eventually.holds(what, () -> value == valueOf(what, tags));
  }

  private double valueOf(String name, String... tags) {
    Meter meter = registry.get(name).tags(tags).meter();
    return meter.measure().iterator().next().getValue();
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void connectionsMessagesAndBytesAreCounted(Transport transport) throws Exception {
    start(builder(Connection::send).transport(transport));
    String[] tags = {"server", "echo", "listener", LISTENER};
    for (int i = 0; i < 4; i++) {
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.send("hello", "you");
        assertThat(peer.receive()).isEqualTo("hello");
        assertThat(peer.receive()).isEqualTo("you");
        assertThat(gauge("jev.connections", tags)).isGreaterThanOrEqualTo(1);
      }
    }
    await("jev.connections", 0, tags);
    assertThat(count("jev.connections.opened", tags)).isEqualTo(4);
    assertThat(count("jev.connections.closed", "reason", "peer_closed")).isEqualTo(4);
    assertThat(count("jev.messages.received", tags)).isEqualTo(8);
    assertThat(count("jev.messages.sent", tags)).isEqualTo(8);
    assertThat(count("jev.bytes.received", tags)).isEqualTo(4 * (9 + 7));
    assertThat(count("jev.bytes.sent", tags)).isEqualTo(4 * (9 + 7));
    assertThat(registry.get("jev.connections.handshake").tags(tags).timer().count()).isEqualTo(4);
  }

  @Test
  void closesWithATextAreToldApart() throws Exception {
    start(builder(Connection::close)); // the message is the text
    for (String text : List.of("bad login", "kicked", "kicked")) {
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.send(text).expectEnd();
      }
    }
    await("jev.connections", 0);
    String name = "jev.connections.closed.texts";
    assertThat(valueOf(name, "text", "bad login", "listener", LISTENER)).isEqualTo(1);
    assertThat(valueOf(name, "text", "kicked", "reason", "closed")).isEqualTo(2);
    assertThat(count("jev.connections.closed", "reason", "closed")).isEqualTo(3);
  }

  @Test
  void textsOfClosesAreAtMost64AndOneMore() {
    CloseTexts texts = new CloseTexts();
    Set<String> names = new HashSet<>();
    for (int user = 0; user < 1_000; user++) {
      names.add(texts.nameOf("kicked by user " + user));
    }
    assertThat(names).hasSize(65).contains("other");
    assertThat(texts.nameOf("kicked by user 0")).isEqualTo("kicked by user 0");
    assertThat(new CloseTexts().nameOf("x".repeat(100))).hasSize(64);
  }

  @Test
  void refusedConnectionsHaveTheirReason() throws Exception {
    start(builder(Connection::send).maxConnections(1));
    try (RawPeer first = RawPeer.connect(server)) {
      assertThat(first.send("in").receive()).isEqualTo("in");
      try (RawPeer second = RawPeer.connect(server)) {
        assertThat(second.read()).isEqualTo(-1);
      } catch (IOException e) {
        // reset
      }
      await("jev.connections.refused", 1, "reason", "limit");
      assertThat(gauge("jev.connections")).isEqualTo(1);
    }
  }

  @Test
  void limitsAreMeasured() throws Exception {
    Limits limits = Limits.builder().connectionsPerAddress(1).bufferBudget(1 << 20).build();
    metrics.bind(limits).bind(limits);
    start(builder(Connection::send).plugin(limits));
    try (RawPeer first = RawPeer.connect(server)) {
      assertThat(first.send("in").receive()).isEqualTo("in");
      try (RawPeer second = RawPeer.connect(server)) {
        assertThat(second.read()).isEqualTo(-1);
      } catch (IOException e) {
        // reset
      }
      await("jev.limits.refused", 1);
      await("jev.connections.refused", 1, "reason", "limit");
      assertThat(gauge("jev.limits.buffered")).isZero();
    }
  }

  @Test
  void stallsAndPendingBytesOfASlowPeer() throws Exception {
    start(
        builder((connection, text) -> connection.send("x".repeat(16 << 20)))
            .maxPendingBytes(1 << 26));
    try (RawPeer peer = RawPeer.connect(server, 4096)) {
      peer.send("much");
      await("jev.connections.stalled", 1);
      Eventually.holds("pending", () -> gauge("jev.bytes.pending") > (8 << 20));
      assertThat(gauge("jev.bytes.buffered")).isGreaterThan(8 << 20);
      assertThat(peer.receive()).hasSize(16 << 20);
      await("jev.connections.stalled", 0);
      await("jev.bytes.pending", 0);
      await("jev.bytes.buffered", 0);
      Timer stalls = registry.get("jev.writes.stalled").timer();
      assertThat(stalls.count()).isPositive();
      assertThat(stalls.totalTime(SECONDS)).isPositive();
    }
  }

  @Test
  void aServerThatHasStoppedHoldsNothing() throws Exception {
    start(
        builder((connection, text) -> connection.send("x".repeat(16 << 20)))
            .maxPendingBytes(1 << 26)
            .closeTimeout(Duration.ofMillis(100)));
    try (RawPeer peer = RawPeer.connect(server, 4096)) {
      peer.send("much");
      Eventually.holds("pending", () -> gauge("jev.bytes.pending") > (8 << 20));
      server.close();
      assertThat(gauge("jev.bytes.pending")).isZero();
      assertThat(gauge("jev.bytes.buffered")).isZero();
      assertThat(gauge("jev.connections.stalled")).isZero();
    }
  }

  @Test
  void bufferedBytesAreThoseOfIncompleteFrames() throws Exception {
    start(builder(Connection::send));
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write(RawPeer.length(1000)).write(new byte[500]);
      Eventually.holds("buffered", () -> gauge("jev.bytes.buffered") >= 504);
      assertThat(gauge("jev.bytes.pending")).isZero();
      peer.write(new byte[500]);
      peer.receive();
      await("jev.bytes.buffered", 0);
    }
  }

  @Test
  void blockedLoopsAreMeasured() throws Exception {
    CountDownLatch released = new CountDownLatch(1);
    start(
        builder(
                (connection, text) -> {
                  try {
                    released.await(10, SECONDS);
                  } catch (InterruptedException e) {
                    throw new AssertionError(e);
                  }
                })
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofMillis(50)));
    try (LogCapture log = new LogCapture("dev.jev");
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("block");
      Eventually.holds(
          "the watchdog has seen it",
          () -> registry.get("jev.eventloop.tasks").gauge().value() > 0);
      log.await("blocked");
      released.countDown();
      Eventually.holds(
          "measured", () -> registry.get("jev.eventloop.blocked").timer().count() >= 1);
      assertThat(registry.get("jev.eventloop.lag").timer().count()).isPositive();
      assertThat(registry.get("jev.eventloop.blocked").timer().max(SECONDS)).isPositive();
    }
  }

  @Test
  void pausedListenersAreCountedUntilTheyResumeOrStop() {
    start(builder(Connection::send));
    SocketAddress listener = server.addresses().get(0);
    metrics.acceptPaused(server, listener, new IOException("Too many open files"));
    assertThat(gauge("jev.accept.paused", "server", "echo")).isEqualTo(1);
    metrics.acceptResumed(server, listener);
    assertThat(gauge("jev.accept.paused")).isZero();
    metrics.acceptPaused(server, listener, new IOException("Too many open files"));
    server.close();
    assertThat(gauge("jev.accept.paused")).isZero();
    assertThat(registry.get("jev.accept.pauses").counter().count()).isEqualTo(2);
  }

  @Test
  void topicsAreMeasuredByName() throws Exception {
    Topic<String> news = Topic.of("news");
    Topic<String> alsoNews = Topic.of("news");
    metrics.bind(news).bind(alsoNews).bind(Topic.of("other"));
    start(
        builder(
            new Handler<>() {
              @Override
              public void onConnect(Connection<String> connection) {
                news.subscribe(connection, SlowConsumer.dropOldest());
                alsoNews.subscribe(connection);
              }

              @Override
              public void onMessage(Connection<String> connection, String text) {
                news.publish(text);
                alsoNews.publish(text);
              }
            }));
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("hi");
      peer.receive();
      peer.receive();
      String[] tags = {"topic", "news"};
      await("jev.topic.delivered", 2, tags);
      assertThat(count("jev.topic.published", tags)).isEqualTo(2);
      assertThat(count("jev.topic.published", "topic", "other")).isZero();
      assertThat(gauge("jev.topic.subscribers", tags)).isEqualTo(2);
      assertThat(gauge("jev.topic.pending", tags)).isZero();
      assertThat(count("jev.topic.dropped", tags)).isZero();
      assertThat(count("jev.topic.conflated", tags)).isZero();
      assertThat(count("jev.topic.closed", tags)).isZero();
      await("jev.messages.sent", 2);
    }
  }

  @Test
  void requestsAreMeasuredByName() throws Exception {
    Requests<String, String> requests =
        Requests.<String, String>inOrder().timeout(Duration.ofMillis(20)).build();
    Requests<String, String> patient =
        Requests.<String, String>inOrder().timeout(Duration.ofMinutes(1)).build();
    metrics.bind("backend", requests).bind("other", Requests.<String, String>inOrder().build());
    metrics.bind("patient", patient);
    Recorder<String, String> atServer = Recorder.silent();
    start(builder(atServer));
    try (Client<String> client =
        Client.builder(Texts::new, requests.handler())
            .connect("tcp://127.0.0.1:" + server.port())) {
      client.connected().toCompletableFuture().get(10, SECONDS);
      String[] tags = {"requests", "backend"};
      requests.ask(client, "slow");
      await("jev.requests.timed.out", 1, tags);
      await("jev.requests.open", 0, tags);
      Connection<String> connection = atServer.connection();
      connection.send("late");
      await("jev.requests.late", 1, tags);
      while (valueOf("jev.requests.latency", tags) == 0) { // one in time
        requests.ask(client, "again");
        connection.send("in time");
      }
      assertThat(registry.get("jev.requests.latency").tags(tags).functionTimer().mean(SECONDS))
          .isBetween(0.0, 10.0);
      assertThat(count("jev.requests.asked", tags)).isGreaterThan(1);
      assertThat(count("jev.requests.asked", "requests", "other")).isZero();
    }
    try (Client<String> client =
        Client.builder(Texts::new, patient.handler()).connect("tcp://127.0.0.1:" + server.port())) {
      client.connected().toCompletableFuture().get(10, SECONDS);
      patient.ask(client, "slow");
      assertThat(gauge("jev.requests.open", "requests", "patient")).isEqualTo(1);
    }
  }

  @Test
  void tlsHandshakesAreCountedByOutcome(@TempDir Path directory) throws Exception {
    X509Bundle localhost =
        new CertificateBuilder()
            .subject("CN=localhost")
            .addSanDnsName("localhost")
            .setIsCertificateAuthority(true)
            .notAfter(Instant.now().plus(Duration.ofDays(10)))
            .buildSelfSigned();
    Path chain = Files.writeString(directory.resolve("chain.pem"), localhost.getCertificatePEM());
    Path key = Files.writeString(directory.resolve("key.pem"), localhost.getPrivateKeyPEM());
    Tls tls = Tls.server().identity(TlsIdentity.pem(chain, key)).build();
    Tls trusting = Tls.client().trustPem(chain).build();
    metrics.bind(tls).bind(trusting);
    start(builder(Connection::send).plugin(tls));
    try (Client<String> client =
        Client.builder(Texts::new, (Connection<String> c, String text) -> {})
            .plugin(trusting)
            .connect("tcp://localhost:" + server.port())) {
      client.connected().toCompletableFuture().get(10, SECONDS);
      await("jev.tls.handshakes", 2, "outcome", "completed"); // of both ends
    }
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write("GET / HTTP/1.1\r\n\r\n".getBytes(US_ASCII));
      await("jev.tls.handshakes", 1, "outcome", "refused");
      await("jev.connections.refused", 1, "reason", "protocol_error");
    }
    assertThat(gauge("jev.tls.certificate.expiry")).isBetween(9.9, 10.0);
  }

  @Test
  void clientsHaveNoAddressInTheirTags() throws Exception {
    start(builder(Connection::send));
    try (Client<String> client =
        Client.builder(Texts::new, (Connection<String> c, String text) -> {})
            .name("feed")
            .plugin(metrics)
            .connect("tcp://127.0.0.1:" + server.port())) {
      client.connected().toCompletableFuture().get(10, SECONDS).send("hi");
      String[] tags = {"server", "feed", "listener", "client"};
      await("jev.messages.received", 1, tags);
      assertThat(gauge("jev.connections", tags)).isEqualTo(1);
    }
    assertThat(registry.find("jev.connections").tag("server", "feed").gauges()).hasSize(1);
  }

  @Test
  void countersContinueAfterARestart() throws Exception {
    for (int i = 1; i <= 3; i++) {
      try (Server restarted = builder(Connection::send).start();
          RawPeer peer = RawPeer.connect(restarted)) {
        assertThat(peer.send("hi").receive()).isEqualTo("hi");
        assertThat(count("jev.messages.received")).isEqualTo(i);
      }
    }
    await("jev.connections", 0);
    assertThat(gauge("jev.eventloop.tasks")).isZero();
  }

  @Test
  void tenThousandPeersLeaveTheNumberOfMetersUnchanged() throws Exception {
    start(builder(Connection::send));
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("first").receive()).isEqualTo("first");
    }
    Set<Meter.Id> before = ids();
    for (int i = 0; i < 10_000; i++) {
      try (RawPeer peer = RawPeer.connect(server)) {
        assertThat(peer.send("peer " + i).receive()).isEqualTo("peer " + i);
      }
    }
    await("jev.connections.closed", 10_001, "reason", "peer_closed");
    assertThat(ids()).isEqualTo(before);
  }

  private Set<Meter.Id> ids() {
    Set<Meter.Id> ids = new HashSet<>();
    registry.forEachMeter(meter -> ids.add(meter.getId()));
    return ids;
  }

  @Test
  void connectionsOfTheServerHaveCounters() throws Exception {
    start(builder(Connection::send));
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
      List<ConnectionInfo> all = server.connections().list().toCompletableFuture().get(10, SECONDS);
      assertThat(all)
          .extracting(ConnectionInfo::counters)
          .containsExactly(new ConnectionInfo.Counters(1, 1, 9, 9));
    }
  }

  @Test
  void theProcessIsMeasured() {
    assertThat(gauge("jev.memory.direct")).isNotNegative();
    assertThat(gauge("jev.files.open")).isPositive();
    assertThat(gauge("jev.files.max")).isGreaterThan(gauge("jev.files.open"));
  }

  @Test
  void everyMeterIsDescribed() throws Exception {
    start(builder(Connection::send));
    metrics.bind(Topic.of("news")).bind(Limits.builder().build());
    registry.forEachMeter(
        meter -> {
          assertThat(meter.getId().getName()).startsWith("jev.");
          if (!meter.getId().getName().endsWith(".percentile")) { // the registry's own
            assertThat(meter.getId().getDescription()).as("%s", meter.getId()).isNotBlank();
          }
        });
  }
}
