package dev.jev.spring;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ApplicationListener;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The end of an application: readiness, draining, and the order of events. */
class ShutdownTest {

  /** More than the kernel takes: Linux has 4 MiB at most. */
  private static final int MESSAGES = 10_000;

  private static final String TEXT = "x".repeat(1_000);

  @AfterEach
  void noThreadIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  private static ConfigurableApplicationContext run(Class<?> application, String... properties) {
    return new SpringApplicationBuilder(application)
        .properties(TestApplication.ADDRESSES)
        .properties("jev.server.source.listen=tcp://127.0.0.1:0")
        .properties("jev.server.source.close-timeout=25s") // the machine may be busy
        .properties("spring.main.banner-mode=off")
        .properties(properties)
        .run();
  }

  /** Sends many messages to each connection, and notes the events. */
  @Configuration(proxyBeanMethods = false)
  static class SourceApplication extends TestApplication {

    final Queue<String> events = new ConcurrentLinkedQueue<>();

    @Bean
    Server.Builder<String, String> source() {
      Handler<String, String> source =
          new Handler<>() {
            @Override
            public void onMessage(Connection<String> connection, String message) {
              for (int i = 0; i < MESSAGES; i++) {
                connection.send(TEXT);
              }
              events.add("sent");
            }

            @Override
            public void onClose(Connection<String> connection, CloseReason reason) {
              events.add(reason.kind().toString());
            }
          };
      return Server.builder(Texts::new, source).maxPendingBytes(16 * 1024 * 1024);
    }

    @Bean
    ApplicationListener<AvailabilityChangeEvent<ReadinessState>> readiness() {
      return change -> events.add(change.getState().toString());
    }

    @Bean
    Queue<String> events() {
      return events;
    }
  }

  @Test
  void nothingIsLostWhenTheApplicationEnds() throws Exception {
    ConfigurableApplicationContext context = run(SourceApplication.class);
    Server server = context.getBean(JevServers.class).get("source");
    @SuppressWarnings("unchecked")
    Queue<String> events = context.getBean("events", Queue.class);
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
      peer.send("begin");
      Eventually.holds("all is sent", () -> events.contains("sent"));
      Thread closing = new Thread(context::close);
      closing.start();
      Eventually.holds("readiness ends", () -> events.contains("REFUSING_TRAFFIC"));
      for (int i = 0; i < MESSAGES; i++) {
        assertThat(peer.receive()).isEqualTo(TEXT);
      }
      peer.expectEnd();
      closing.join();
    }
    assertThat(events)
        .startsWith("ACCEPTING_TRAFFIC", "sent", "REFUSING_TRAFFIC")
        .endsWith("SERVER_STOPPED");
  }

  @Test
  void connectionsAreAcceptedUntilTheLoadBalancerHasNoticed() throws Exception {
    ConfigurableApplicationContext context =
        run(SourceApplication.class, "jev.shutdown.accept-time=3s", "jev.shutdown.spread=100ms");
    Server server = context.getBean(JevServers.class).get("echo");
    @SuppressWarnings("unchecked")
    Queue<String> events = context.getBean("events", Queue.class);
    Thread closing = new Thread(context::close);
    closing.start();
    Eventually.holds("readiness ends", () -> events.contains("REFUSING_TRAFFIC"));
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("hi").receive()).isEqualTo("hi");
      peer.expectEnd();
    }
    closing.join();
  }

  @Test
  void webSocketIsToldThatTheServerGoesAway() throws Exception {
    ConfigurableApplicationContext context = run(SourceApplication.class);
    int port = context.getBean(JevServers.class).get("chat").port();
    List<String> received = new CopyOnWriteArrayList<>();
    CompletableFuture<Integer> closed = new CompletableFuture<>();
    CountDownLatch last = new CountDownLatch(100);
    WebSocket socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(
                URI.create("ws://127.0.0.1:" + port + "/chat"),
                new WebSocket.Listener() {
                  @Override
                  public CompletionStage<?> onText(
                      WebSocket webSocket, CharSequence text, boolean isLast) {
                    received.add(text.toString());
                    last.countDown();
                    return WebSocket.Listener.super.onText(webSocket, text, isLast);
                  }

                  @Override
                  public CompletionStage<?> onClose(
                      WebSocket webSocket, int status, String reason) {
                    closed.complete(status);
                    return CompletableFuture.completedFuture(null);
                  }
                })
            .get(10, TimeUnit.SECONDS);
    for (int i = 0; i < 100; i++) {
      socket.sendText("message " + i, /* last= */ true).get(10, TimeUnit.SECONDS);
    }
    assertThat(last.await(10, TimeUnit.SECONDS)).isTrue();
    context.close();
    assertThat(closed.get(10, TimeUnit.SECONDS)).isEqualTo(1001);
    assertThat(received).hasSize(100).endsWith("message 99");
  }

  @Test
  void immediateShutdownDropsWhatWaits() throws Exception {
    ConfigurableApplicationContext context =
        run(SourceApplication.class, "server.shutdown=immediate");
    Server server = context.getBean(JevServers.class).get("source");
    @SuppressWarnings("unchecked")
    Queue<String> events = context.getBean("events", Queue.class);
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
      peer.send("begin");
      Eventually.holds("all is sent", () -> events.contains("sent"));
      context.close();
      assertThat(events).endsWith("SERVER_STOPPED");
      assertThat(countReceived(peer)).isLessThan(MESSAGES);
    }
  }

  private static int countReceived(RawPeer peer) {
    int received = 0;
    try {
      while (true) {
        assertThat(peer.receive()).isEqualTo(TEXT);
        received++;
      }
    } catch (IOException e) { // the end, or a reset
      return received;
    }
  }

  @Test
  void connectionThatDoesNotEndIsCutOffInTime() throws Exception {
    ConfigurableApplicationContext context =
        run(SourceApplication.class, "spring.lifecycle.timeout-per-shutdown-phase=1s");
    JevServers servers = context.getBean(JevServers.class);
    @SuppressWarnings("unchecked")
    Queue<String> events = context.getBean("events", Queue.class);
    try (RawPeer peer = RawPeer.connect(servers.get("source"), /* receiveBuffer= */ 4096)) {
      peer.send("begin");
      Eventually.holds("all is sent", () -> events.contains("sent"));
      context.close();
      assertThat(servers.all()).isEmpty();
      assertThat(events).endsWith("SERVER_STOPPED");
      assertThat(countReceived(peer)).isLessThan(MESSAGES);
    }
  }

  @Test
  void serverThatHasStoppedByItselfIsDown() throws Exception {
    try (ConfigurableApplicationContext context = run(SourceApplication.class)) {
      JevHealthIndicator health = context.getBean(JevHealthIndicator.class);
      assertThat(health.health().getStatus()).isEqualTo(Status.UP);
      Server echo = context.getBean(JevServers.class).get("echo");
      echo.stop(Duration.ZERO);
      echo.awaitStop();
      assertThat(health.health().getStatus()).isEqualTo(Status.DOWN);
      assertThat(health.health().getDetails().get("servers"))
          .asString()
          .contains("echo=stopped", "chat=running");
    }
  }

  @Test
  void applicationCanBeStartedAgain() throws Exception {
    try (ConfigurableApplicationContext context = run(SourceApplication.class)) {
      JevServers servers = context.getBean(JevServers.class);
      context.stop();
      assertThat(servers.all()).isEmpty();
      assertThat(context.getBean(JevClients.class).all()).isEmpty();
      context.start();
      try (RawPeer peer = RawPeer.connect(servers.get("echo"))) {
        assertThat(peer.send("hi").receive()).isEqualTo("hi");
      }
      assertThat(context.getBean("events", Queue.class).toArray())
          .containsExactly("ACCEPTING_TRAFFIC", "REFUSING_TRAFFIC", "ACCEPTING_TRAFFIC");
    }
  }

  @Test
  void serversDrainWhileTheWebServerDoes() {
    assertThat(ServerLifecycle.PHASE)
        .isEqualTo(WebServerApplicationContext.GRACEFUL_SHUTDOWN_PHASE);
  }
}
