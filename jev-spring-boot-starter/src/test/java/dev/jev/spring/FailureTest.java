package dev.jev.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.system.JavaVersion;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Applications that cannot start, and what Spring Boot prints then. */
@ExtendWith(OutputCaptureExtension.class)
class FailureTest {

  private static final String LISTEN = "--jev.server.echo.listen=tcp://127.0.0.1:0";

  private final CapturedOutput output;

  FailureTest(CapturedOutput output) {
    this.output = output;
  }

  @AfterEach
  void noThreadIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class EchoApplication {
    @Bean
    Server.Builder<String, String> echo() {
      return Server.builder(Texts::new, Connection::send);
    }
  }

  /** Starts an application, which fails, and returns the description and the action. */
  private void fails(Class<?> application, String... arguments) {
    List<String> all = new ArrayList<>(List.of("--spring.main.banner-mode=off"));
    Collections.addAll(all, arguments);
    assertThatThrownBy(
            () ->
                new SpringApplicationBuilder(application)
                    .web(WebApplicationType.NONE)
                    .run(all.toArray(String[]::new)))
        .isInstanceOf(RuntimeException.class);
    assertThat(output).contains("APPLICATION FAILED TO START");
  }

  private void expect(String... lines) {
    assertThat(output.toString().lines().map(String::strip)).contains(lines);
  }

  @Test
  void addressInUse() throws Exception {
    try (ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String address = "tcp://127.0.0.1:" + other.getLocalPort();
      fails(EchoApplication.class, "--jev.server.echo.listen=" + address);
      assertThat(output)
          .contains("The server echo cannot start: cannot listen on " + address + ": ")
          .contains(
              "Stop the process that listens there, or set jev.server.echo.listen to another"
                  + " address.");
    }
  }

  @Test
  void addressOfAnotherMachine() {
    fails(EchoApplication.class, "--jev.server.echo.listen=tcp://192.0.2.1:5000"); // RFC 5737
    assertThat(output)
        .contains("The server echo cannot start: cannot listen on tcp://192.0.2.1:5000: ");
    expect("Set jev.server.echo.listen to an address of this machine that the process may use.");
  }

  @Test
  void noAddress() {
    fails(EchoApplication.class);
    expect(
        "The server echo cannot start: no address to listen on; call listen first.",
        "Set jev.server.echo.listen, such as tcp://:5000, if it has no address; else correct the"
            + " properties jev.server.echo.* or the bean.");
  }

  @Test
  void wrongAddressWithItsOrigin(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("application.yaml");
    Files.writeString(file, "jev.server:\n  echo:\n    listen: tcp://:70000\n");
    fails(EchoApplication.class, "--spring.config.location=" + file.toUri());
    expect(
        "Property: jev.server.echo.listen",
        "Value: [tcp://:70000]",
        "Reason: port: 70000 (expected: 0..65535)",
        "Change the property to an expected value.");
    assertThat(output).containsPattern("Origin: .*application\\.yaml.* - 3:13");
  }

  @Test
  void valueOutOfRange() {
    fails(EchoApplication.class, LISTEN, "--jev.server.echo.max-frame-size=0");
    expect(
        "Property: jev.server.echo.max-frame-size",
        "Value: 0B",
        "Origin: \"jev.server.echo.max-frame-size\" from property source \"commandLineArgs\"",
        "Reason: maxFrameBytes: 0 (expected: 1..1073741824)");
  }

  @Test
  void clientCertificatesWithoutTls() {
    fails(EchoApplication.class, LISTEN, "--jev.server.echo.ssl.client-auth=need");
    expect(
        "Property: jev.server.echo.ssl.client-auth",
        "Value: NEED",
        "Reason: ssl.bundle: none (expected: one, which has the certificates)");
  }

  @Test
  void sizeThatIsNoInt() {
    fails(EchoApplication.class, LISTEN, "--jev.server.echo.pending-limit=3GB");
    expect("Reason: bytes: 3221225472 (expected: <= 1073741824)");
  }

  @Test
  void valueOfAnotherType() {
    fails(EchoApplication.class, LISTEN, "--jev.server.echo.idle-timeout=soon");
    expect("Property: jev.server.echo.idle-timeout", "Value: \"soon\"");
  }

  @Test
  void unknownTransport() {
    fails(EchoApplication.class, LISTEN, "--jev.server.echo.transport=iocp");
    assertThat(output).contains("Property: jev.server.echo.transport").contains("EPOLL");
  }

  @Test
  void unknownOption() {
    fails(EchoApplication.class, LISTEN, "--jev.server.echo.lisen=tcp://:0");
    assertThat(output).contains("jev.server.echo.lisen");
  }

  @Test
  void unknownName() {
    fails(EchoApplication.class, LISTEN, "--jev.server.ecoh.event-loops=1");
    expect(
        "Property: jev.server.ecoh.*", "Reason: name: ecoh (expected: the name of a bean: [echo])");
  }

  @Test
  void oneWatermark() {
    fails(EchoApplication.class, LISTEN, "--jev.server.echo.low-watermark=1KB");
    expect("Reason: high-watermark: none (expected: one, since both are set together)");
  }

  @Test
  void limitsThatContradictEachOther() {
    fails(EchoApplication.class, LISTEN, "--jev.server.echo.pending-limit=100KB");
    expect(
        "The server echo cannot start: maxPendingBytes: 102400 (expected: >= high watermark"
            + " 262144).");
  }

  @Test
  void bundleThatDoesNotExist() {
    fails(EchoApplication.class, LISTEN, "--jev.server.echo.ssl.bundle=web");
    expect(
        "Property: jev.server.echo.ssl.bundle",
        "Value: web",
        "Reason: bundle: web (expected: one of spring.ssl.bundle: [])");
  }

  @Test
  void shutdownThatIsLongerThanThePhase() {
    fails(EchoApplication.class, LISTEN, "--jev.shutdown.spread=1m");
    expect(
        "Value: accept-time PT0S, spread PT1M",
        "Reason: deadline: PT29S (expected: >= acceptTime + spread PT1M); the deadline follows"
            + " from spring.lifecycle.timeout-per-shutdown-phase: PT30S");
  }

  @Test
  void virtualThreadsOnAnOldJdk() {
    if (JavaVersion.getJavaVersion().isOlderThan(JavaVersion.TWENTY_ONE)) {
      fails(EchoApplication.class, LISTEN, "--jev.server.echo.virtual-threads=true");
      expect("Reason: virtual threads on Java 17 (expected: Java 21)");
    }
  }

  // Beans.

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class SharedLoopsApplication {
    @Bean
    EventLoops loops() {
      return EventLoops.builder().count(1).start();
    }

    @Bean
    Server.Builder<String, String> echo(EventLoops loops) {
      return Server.builder(Texts::new, Connection<String>::send).eventLoops(loops);
    }
  }

  @Test
  void eventLoopsOfAServerThatSharesThem() {
    fails(SharedLoopsApplication.class, LISTEN, "--jev.server.echo.event-loops=2");
    assertThat(output)
        .contains("The server echo cannot start: shared event loops have their own count");
  }

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class ClientApplication {
    @Bean
    Client.Builder<String, String> upstream() {
      return Client.builder(Texts::new, (Connection<String> connection, String text) -> {});
    }
  }

  @Test
  void clientWithoutAddress() {
    fails(ClientApplication.class);
    expect(
        "The client upstream cannot start: it has no address.",
        "Set jev.client.upstream.uri, for example to tcp://localhost:5000.");
  }

  @Test
  void clientWithAWrongAddress() {
    fails(ClientApplication.class, "--jev.client.upstream.uri=tcp://localhost");
    assertThat(output).contains("The client upstream cannot start: address: tcp://localhost (");
    expect("Correct the properties jev.client.upstream.* or the bean.");
  }

  /** A protocol that needs an argument. */
  static final class Padded implements Protocol<String, String> {
    Padded(int length) {
      assertThat(length).isPositive();
    }

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return null;
    }

    @Override
    public void pack(String message, ByteBuf out) {}
  }

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class PaddedApplication {
    @Bean
    @JevServer(protocol = Padded.class, listen = "tcp://127.0.0.1:0")
    Handler<String, String> padded() {
      return Connection::send;
    }
  }

  @Test
  void protocolWithArguments() {
    fails(PaddedApplication.class);
    assertThat(output)
        .contains("The server padded cannot start: protocol: " + Padded.class.getName())
        .contains("(expected: a class with a constructor without parameters).");
  }

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class NumbersApplication {
    @Bean
    @JevServer(protocol = Texts.class, listen = "tcp://127.0.0.1:0")
    Handler<Integer, String> numbers() {
      return (connection, number) -> connection.send("number " + number);
    }
  }

  @Test
  void handlerOfOtherMessages() {
    fails(NumbersApplication.class);
    assertThat(output)
        .contains(
            "The server numbers cannot start: inbound messages: java.lang.String (expected:"
                + " java.lang.Integer) with protocol dev.jev.Texts.");
  }

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class NoHandlerApplication {
    @Bean
    @JevServer(protocol = Texts.class, listen = "tcp://127.0.0.1:0")
    String text() {
      return "no handler";
    }
  }

  @Test
  void annotationOnSomethingElse() {
    fails(NoHandlerApplication.class);
    assertThat(output)
        .contains("bean text: class java.lang.String (expected: a dev.jev.Handler).")
        .contains("Correct the annotation @JevServer, or the bean.");
  }
}
