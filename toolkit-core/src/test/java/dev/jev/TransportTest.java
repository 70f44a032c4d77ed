package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.channel.ChannelException;
import io.netty.channel.uring.IoUringSocketChannel;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The choice of a transport for a server. */
class TransportTest {

  private static Server.Builder<String, String> echo() {
    return Server.<String, String>builder(Texts::new, Handler.replying(text -> text))
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void autoIsEpollOnLinux() throws Exception {
    assumeThat(System.getProperty("dev.jev.transport")).isNull();
    assertThat(Transport.AUTO.resolve()).isSameAs(Transport.EPOLL);
    try (Server server = echo().start()) {
      assertThat(server.transport()).isSameAs(Transport.EPOLL);
      assertThat(Echo.of("127.0.0.1", server.port(), "hi")).isEqualTo("hi");
    }
  }

  @Test
  void autoIsWhatTheSystemPropertySays() throws Exception {
    String before = System.getProperty("dev.jev.transport");
    System.setProperty("dev.jev.transport", "nio");
    try (Server server = echo().start()) {
      assertThat(server.transport()).isSameAs(Transport.NIO);
      System.setProperty("dev.jev.transport", "local");
      assertThatIllegalStateException()
          .isThrownBy(() -> echo().start())
          .withMessage("dev.jev.transport: local (expected: AUTO, IO_URING, EPOLL, KQUEUE or NIO)");
    } finally {
      if (before == null) {
        System.clearProperty("dev.jev.transport");
      } else {
        System.setProperty("dev.jev.transport", before);
      }
    }
  }

  @Test
  void autoAndNioAreAvailableEverywhere() {
    assertThat(Transport.AUTO.isAvailable()).isTrue();
    assertThat(Transport.AUTO.unavailabilityCause()).isNull();
    assertThat(Transport.NIO.isAvailable()).isTrue();
    assertThat(Transport.NIO.unavailabilityCause()).isNull();
  }

  @Test
  void ioUringIsNotAvailableOnAnOldNetty() {
    assumeThat(IoUringSocketChannel.class.getMethods())
        .extracting(Method::getName)
        .doesNotContain("tcpInfo");
    assertThat(Transport.IO_URING.unavailabilityCause())
        .hasMessage("Netty is too old for io_uring (expected: 4.2.18 or later)");
    assertThatIllegalStateException()
        .isThrownBy(() -> echo().transport(Transport.IO_URING).start())
        .withMessageEndingWith("Netty is too old for io_uring (expected: 4.2.18 or later)");
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void availableTransportRunsAServer(Transport transport) throws Exception {
    assertThat(transport.unavailabilityCause()).isNull();
    CompletableFuture<String> channel = new CompletableFuture<>();
    Handler<String, String> handler =
        (connection, message) -> {
          channel.complete(
              ((StreamConnection<?, ?>) connection).channel().getClass().getSimpleName());
          connection.send(message);
        };
    try (Server server =
        Server.builder(Texts::new, handler)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .start()) {
      assertThat(server.transport()).isSameAs(transport);
      assertThat(Echo.of("127.0.0.1", server.port(), "hi")).isEqualTo("hi");
      String name = transport.name().replace("_", "");
      assertThat(channel.get(10, TimeUnit.SECONDS)).isEqualToIgnoringCase(name + "SocketChannel");
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void unavailableTransportIsRefusedWithTheReason() throws Exception {
    assertThat(Transport.KQUEUE.isAvailable()).isFalse();
    assertThat(Transport.KQUEUE.unavailabilityCause()).isNotNull();
    assertThatIllegalStateException()
        .isThrownBy(() -> echo().transport(Transport.KQUEUE).start())
        .withMessage(
            "transport: KQUEUE (expected: one that is available):"
                + " java.lang.IllegalStateException: Only supported on OSX/BSD")
        .havingCause()
        .isSameAs(Transport.KQUEUE.unavailabilityCause());
    Eventually.noServerThreadIsLeft();
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void nioIsUsedAndReportedOnceWithoutNativeJars() throws Exception {
    String artifact = "io.netty:netty-transport-native-epoll with classifier linux-";
    try (ChildJvm child = ChildJvm.withoutNativeJars("AUTO", "default")) {
      expectFallback(child, artifact);
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void nioIsUsedAndReportedOnceWhenNativeCodeIsSwitchedOff() throws Exception {
    String option = "-Dio.netty.transport.noNative=true";
    try (ChildJvm child = ChildJvm.withOption(option, "AUTO", "default")) {
      expectFallback(child, option);
    }
  }

  private static void expectFallback(ChildJvm child, String reason) throws Exception {
    assertThat(child.transport()).isEqualTo("NIO");
    assertThat(Echo.of("127.0.0.1", child.port(), "hi")).isEqualTo("hi");
    assertThat(child.errors("NIO"))
        .singleElement()
        .asString()
        .startsWith("WARNING: transport: NIO, because EPOLL is not available: ")
        .contains(reason);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void nioThatWasAskedForIsNoReasonToWarn() throws Exception {
    try (ChildJvm child = ChildJvm.withoutNativeJars("NIO", "default")) {
      assertThat(Echo.of("127.0.0.1", child.port(), "hi")).isEqualTo("hi");
      assertThat(child.errors("NIO")).isEmpty();
    }
  }

  @Test
  void failureOfTheSystemIsItsSentence() {
    assertThat(Transport.text(new ConnectException("Connection refused")))
        .isEqualTo("Connection refused");
    assertThat(Transport.text(new ChannelException(new IOException("Invalid argument (22)"))))
        .isEqualTo("Invalid argument (22)");
  }

  @Test
  void otherFailuresHaveTheirClass() {
    assertThat(Transport.text(new UnknownHostException("example.com")))
        .isEqualTo("java.net.UnknownHostException: example.com");
    assertThat(Transport.text(new NoSuchFileException("/run/jev.sock")))
        .isEqualTo("java.nio.file.NoSuchFileException: /run/jev.sock");
    assertThat(Transport.text(new IOException(new IllegalStateException("it is closed"))))
        .isEqualTo("java.lang.IllegalStateException: it is closed");
    assertThat(Transport.text(new ClosedChannelException()))
        .isEqualTo("java.nio.channels.ClosedChannelException");
  }
}
