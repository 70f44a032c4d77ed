package dev.jev.spring;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.plugin.IdleReaper;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.system.JavaVersion;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The properties of servers, and what they replace. */
class OptionsTest {

  private static final String METADATA = "/META-INF/spring-configuration-metadata.json";

  private final List<ConfigurableApplicationContext> contexts = new ArrayList<>();

  @AfterEach
  void close() throws Exception {
    contexts.forEach(ConfigurableApplicationContext::close);
    Eventually.noServerThreadIsLeft();
  }

  /** A server that replies with the name of the handler's thread. */
  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class ThreadApplication {

    final BlockingQueue<CloseReason.Kind> closed = new LinkedBlockingQueue<>();

    @Bean
    Server.Builder<String, String> threadName() {
      Handler<String, String> handler =
          new Handler<>() {
            @Override
            public void onMessage(Connection<String> connection, String message) {
              connection.send(Thread.currentThread().getName());
            }

            @Override
            public void onClose(Connection<String> connection, CloseReason reason) {
              closed.add(reason.kind());
            }
          };
      return Server.builder(Texts::new, handler)
          .listen("tcp://127.0.0.1:0")
          .listen("tcp://127.0.0.2:0")
          .eventLoops(2)
          .maxFrameBytes(10)
          .plugin(IdleReaper.readIdle(Duration.ofDays(1)))
          .plugin(IdleReaper.readIdle(Duration.ofDays(1)).onIdle(connection -> {}));
    }

    @Bean
    BlockingQueue<CloseReason.Kind> closed() {
      return closed;
    }
  }

  private ConfigurableApplicationContext run(String... properties) {
    List<String> arguments = new ArrayList<>(List.of("--spring.main.banner-mode=off"));
    Collections.addAll(arguments, properties);
    ConfigurableApplicationContext context =
        new SpringApplicationBuilder(ThreadApplication.class)
            .web(WebApplicationType.NONE)
            .run(arguments.toArray(String[]::new));
    contexts.add(context);
    return context;
  }

  private static Server server(ConfigurableApplicationContext context) {
    return context.getBean(JevServers.class).get("threadName");
  }

  private static String thread(ConfigurableApplicationContext context) throws Exception {
    try (RawPeer peer = RawPeer.connect(server(context))) {
      return peer.send("hi").receive();
    }
  }

  private static CloseReason.Kind closed(ConfigurableApplicationContext context) throws Exception {
    return (CloseReason.Kind)
        context.getBean("closed", BlockingQueue.class).poll(10, TimeUnit.SECONDS);
  }

  @Test
  void optionsWithoutPropertiesStay() throws Exception {
    ConfigurableApplicationContext context = run();
    assertThat(server(context).addresses()).hasSize(2);
    assertThat(server(context).eventLoops().count()).isEqualTo(2);
    assertThat(thread(context)).startsWith("jev-threadName-");
  }

  @ParameterizedTest
  @ValueSource(strings = {"threadName", "thread-name", "threadname", "THREADNAME"})
  void namesMayBeSpelledAsSpringBootSpellsProperties(String name) {
    String prefix = "--jev.server." + name;
    ConfigurableApplicationContext context =
        run(prefix + ".listen=tcp://127.0.0.1:0", prefix + ".event-loops=1");
    assertThat(server(context).addresses()).hasSize(1);
    assertThat(server(context).eventLoops().count()).isEqualTo(1);
  }

  @Test
  void idleTimeoutReplacesThatOfTheBean() throws Exception {
    ConfigurableApplicationContext context = run("--jev.server.thread-name.idle-timeout=50ms");
    try (RawPeer peer = RawPeer.connect(server(context))) {
      peer.expectEnd();
    }
    assertThat(closed(context)).isSameAs(CloseReason.Kind.IDLE);
  }

  @Test
  void maxFrameSizeReplacesThatOfTheBean() throws Exception {
    ConfigurableApplicationContext context = run("--jev.server.thread-name.max-frame-size=1KB");
    try (RawPeer peer = RawPeer.connect(server(context))) {
      assertThat(peer.send("x".repeat(1000)).receive()).startsWith("jev-threadName-");
      peer.send("x".repeat(1021));
      peer.expectEnd();
    }
    assertThat(closed(context)).isSameAs(CloseReason.Kind.PROTOCOL_ERROR);
  }

  @Test
  void allOptionsAreAccepted() throws Exception {
    String prefix = "--jev.server.thread-name.";
    ConfigurableApplicationContext context =
        run(
            prefix + "transport=auto",
            prefix + "blocked-loop-threshold=1s",
            prefix + "virtual-threads=false",
            prefix + "max-connections=10",
            prefix + "idle-timeout=0",
            prefix + "handshake-timeout=5s",
            prefix + "frame-timeout=1m",
            prefix + "close-timeout=1s",
            prefix + "lingering-close-timeout=1s",
            prefix + "pending-limit=2MB",
            prefix + "low-watermark=10KB",
            prefix + "high-watermark=20KB",
            prefix + "overflow=drop-oldest",
            prefix + "close-on-pack-failure=true",
            prefix + "tcp-no-delay=false",
            prefix + "tcp-keep-alive=1m",
            prefix + "send-buffer-size=64KB",
            prefix + "receive-buffer-size=64KB");
    assertThat(thread(context)).startsWith("jev-threadName-");
  }

  @Test
  void editorsFindTheProperties() throws Exception {
    String metadata;
    try (InputStream in = getClass().getResourceAsStream(METADATA)) {
      metadata = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    assertThat(metadata)
        .contains("java.util.Map<java.lang.String," + ServerOptions.class.getName() + ">")
        .contains("java.util.Map<java.lang.String," + ClientOptions.class.getName() + ">")
        .contains("\"jev.shutdown.accept-time\"", "\"jev.shutdown.spread\"");
  }

  @Test
  void handlersRunOnVirtualThreadsIfTheApplicationDoes() throws Exception {
    ConfigurableApplicationContext context = run("--spring.threads.virtual.enabled=true");
    boolean virtual = JavaVersion.getJavaVersion().isEqualOrNewerThan(JavaVersion.TWENTY_ONE);
    assertThat(thread(context)).startsWith(virtual ? "jev-handler-" : "jev-threadName-");
  }

  @Test
  void serverMayStayOnItsEventLoops() throws Exception {
    ConfigurableApplicationContext context =
        run(
            "--spring.threads.virtual.enabled=true",
            "--jev.server.thread-name.virtual-threads=false");
    assertThat(thread(context)).startsWith("jev-threadName-");
  }
}
