package dev.jev.websocket;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Program;
import dev.jev.Server;
import java.io.File;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import me.normanmaurer.maven.autobahntestsuite.AutobahnTestSuite;
import me.normanmaurer.maven.autobahntestsuite.FuzzingCaseResult;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Cases 1 to 10 of Autobahn's fuzzing client, see docs/websocket-conformance.md. */
@Tag("autobahn")
@Timeout(900)
class AutobahnTest {

  private static final int CASES = 301;
  private static final int LONGEST_MESSAGE = 16 * 1024 * 1024;
  private static final int MOST_FRAGMENTS =
      128 * 1024; // cases 9.3.1 and 9.4.1: 4 MiB in frames of 64 bytes

  /** Runs the cases against the server at the address in the argument, and prints the results. */
  public static final class Cases {
    public static void main(String[] arguments) {
      List<FuzzingCaseResult> results =
          AutobahnTestSuite.runFuzzingClient(
              "jev", arguments[0], Map.of(), List.of("*"), List.of());
      results.forEach(Cases::print);
      System.exit(0); // the suite leaves threads behind
    }

    private static void print(FuzzingCaseResult result) {
      Object behavior = result.behavior();
      Object behaviorClose = result.behaviorClose();
      System.out.println("result " + result.caseName() + " " + behavior + " " + behaviorClose);
    }
  }

  @Test
  void serverPassesAllCases() throws Exception {
    WebSocketServerBuilder protocol =
        WebSocketProtocol.server().maxMessageBytes(LONGEST_MESSAGE).maxFragments(MOST_FRAGMENTS);
    try (Server server =
            Server.builder(protocol.build(), Connection::send)
                .listen("tcp://127.0.0.1:0")
                .eventLoops(1)
                .start();
        Program cases =
            Program.java(
                "-cp", classPath(), Cases.class.getName(), "ws://127.0.0.1:" + server.port())) {
      for (int i = 0; i < CASES; i++) {
        String line = cases.line();
        while (!line.startsWith("result ")) { // progress
          line = cases.line();
        }
        assertThat(line).matches("result \\S+ (OK|INFORMATIONAL) (OK|INFORMATIONAL)");
      }
      assertThat(cases.exitStatus()).isZero();
      assertThat(cases.output()).isEmpty();
    }
  }

  /** Returns the class path without Netty, whose package io would hide Python's module io. */
  private static String classPath() {
    return Stream.of(Program.classPath().split(File.pathSeparator, -1))
        .filter(file -> file.matches(".*(autobahn|jython|json-simple).*|.*test-classes/?"))
        .collect(joining(File.pathSeparator));
  }
}
