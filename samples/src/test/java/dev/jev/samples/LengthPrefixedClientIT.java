package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class LengthPrefixedClientIT {

  @Test
  void linesComeBack() throws Exception {
    List<String> lines = new ArrayList<>(List.of("hello", "", "gr\u00fc\u00df dich"));
    for (int i = 0; i < 500; i++) {
      lines.add("x".repeat(i) + i);
    }
    try (Program server = Sample.server("length-prefixed", "--port", "0");
        Program client =
            Sample.start("length-prefixed-client", "--port", String.valueOf(server.port()))) {
      client.types(String.join("\n", lines) + "\n");
      assertThat(client.exitStatus()).isZero();
      assertThat(client.errors()).isEmpty();
      assertThat(client.output()).isEqualTo(lines);
      assertThat(server.terminate().exitStatus()).isZero();
    }
  }

  @Test
  void noLineIsNoError() throws Exception {
    try (Program server = Sample.server("length-prefixed", "--port", "0");
        Program client =
            Sample.start("length-prefixed-client", "--port", String.valueOf(server.port()))) {
      client.types("");
      assertThat(client.exitStatus()).isZero();
      assertThat(client.errors()).isEmpty();
      assertThat(client.output()).isEmpty();
    }
  }

  @Test
  void refusedConnectionIsAnsweredWithOneLine() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    try (Program client = Sample.start("length-prefixed-client", "--port", String.valueOf(port))) {
      assertThat(client.exitStatus()).isEqualTo(1);
      assertThat(client.errors())
          .containsExactly(
              "samples length-prefixed-client: cannot connect to tcp://127.0.0.1:"
                  + port
                  + ": Connection refused");
    }
  }

  @Test
  void portThatIsNoneIsAnsweredWithOneLine() throws Exception {
    try (Program client = Sample.start("length-prefixed-client", "--port", "70000")) {
      assertThat(client.exitStatus()).isEqualTo(1);
      assertThat(client.errors())
          .containsExactly("samples length-prefixed-client: port: 70000 (expected: 0..65535)");
    }
  }

  @Test
  void serverThatBreaksTheProtocolIsAnsweredWithOneLine() throws Exception {
    try (ServerSocket hostile = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Program client =
            Sample.start(
                "length-prefixed-client", "--port", String.valueOf(hostile.getLocalPort()))) {
      try (Socket socket = hostile.accept()) {
        socket.getOutputStream().write(new byte[] {-1, -1, -1, -1});
        InputStream rest = socket.getInputStream();
        CompletableFuture.runAsync(() -> drain(rest));
        assertThat(client.types("hi\n").exitStatus()).isEqualTo(1);
      }
      assertThat(client.errors())
          .singleElement()
          .asString()
          .startsWith("samples length-prefixed-client: ");
    }
  }

  private static void drain(InputStream in) {
    try {
      in.transferTo(java.io.OutputStream.nullOutputStream());
    } catch (java.io.IOException e) {
      // The client has closed.
    }
  }
}
