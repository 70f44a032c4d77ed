package dev.jev.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Program;
import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.codec.Protocols;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** The jar, as a user would start it. */
class JevIT {

  private static Program start(String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("-jar", System.getProperty("jev.jar", "target/jev.jar")));
    command.addAll(List.of(arguments));
    return Program.java(command.toArray(String[]::new));
  }

  @Test
  void doctorTellsWhatTheMachineHas() throws Exception {
    try (Program program = start("doctor")) {
      assertThat(program.exitStatus()).isZero();
      assertThat(program.errors()).isEmpty();
      assertThat(program.output())
          .anyMatch(line -> line.matches("jdk +" + System.getProperty("java.version") + ", .+"))
          .anyMatch(line -> line.matches("system +" + System.getProperty("os.name") + ".+"))
          .anyMatch(line -> line.matches("architecture +" + System.getProperty("os.arch")))
          .anyMatch(line -> line.matches("nio +available"))
          .anyMatch(line -> line.matches("file descriptors +.*\\d+.*"))
          .anyMatch(line -> line.matches("boringssl +available"))
          .anyMatch(
              line -> line.matches("a server uses +\\w+, \\d+ event loops, and for TLS BoringSSL"));
      for (Transport transport : Transport.values()) {
        String name = transport.name().toLowerCase(Locale.ROOT);
        String advice = transport == Transport.IO_URING ? "; -Ddev.jev.transport=io_uring .+" : "";
        String finding = transport.isAvailable() ? "available" + advice : "not available: .+";
        assertThat(program.output())
            .filteredOn(line -> line.startsWith(name + " "))
            .as(name)
            .hasSize(transport == Transport.AUTO ? 0 : 1)
            .allMatch(line -> line.matches(name + " +" + finding));
      }
    }
  }

  @Test
  void catIsForPipes() throws Exception {
    try (Server server =
            Server.builder(Protocols::lines, Connection::send).listen("tcp://127.0.0.1:0").start();
        Program program = start("cat", "127.0.0.1:" + server.port())) {
      program.types("hello\nworld\n");
      assertThat(program.exitStatus()).isZero();
      assertThat(program.output()).containsExactly("hello", "world");
      assertThat(program.errors()).isEmpty();
    }
  }

  @Test
  void benchPrintsJson() throws Exception {
    try (Server server =
            Server.builder(Protocols::lines, Connection::send).listen("tcp://127.0.0.1:0").start();
        Program program = start("bench", "--json", "--seconds=1", "127.0.0.1:" + server.port())) {
      assertThat(program.exitStatus()).isZero();
      assertThat(program.output())
          .singleElement()
          .asString()
          .contains("\"messages\":", "\"messagesPerSecond\":", "\"errors\":0", "\"p99\":");
    }
  }

  @Test
  void mistakeIsOneLine() throws Exception {
    try (Program program = start("bench", "--rate=x", "localhost:1")) {
      assertThat(program.exitStatus()).isEqualTo(2);
      assertThat(program.errors())
          .containsExactly("jev bench: Invalid value for option '--rate': 'x' is not a double");
    }
  }
}
