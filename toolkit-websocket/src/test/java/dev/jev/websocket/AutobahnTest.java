package dev.jev.websocket;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Program;
import dev.jev.Server;
import java.io.File;
import java.io.IOException;
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

  /** About half of the time of all cases. */
  private static final List<String> LONG_MESSAGES = List.of("9.1.*", "9.2.*", "9.3.*", "9.4.*");

  /**
   * Runs cases against the server at the address in the first argument, and prints the results. The
   * cases are those of long messages if the second argument is true, and all others if it is false.
   */
  public static final class Cases {
    public static void main(String[] arguments) {
      boolean isLong = Boolean.parseBoolean(arguments[1]);
      List<String> cases = isLong ? LONG_MESSAGES : List.of("*");
      List<String> excluded = isLong ? List.of() : LONG_MESSAGES;
      List<FuzzingCaseResult> results =
          AutobahnTestSuite.runFuzzingClient("jev", arguments[0], Map.of(), cases, excluded);
      results.forEach(Cases::print);
      System.out.println("end");
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
        Program longMessages = cases(server, true);
        Program others = cases(server, false)) {
      assertThat(passed(longMessages) + passed(others)).isEqualTo(CASES);
    }
  }

  /**
   * Starts the client, which spends its time in Jython: one for each half, on a core of its own.
   */
  private static Program cases(Server server, boolean isLong) throws IOException {
    String address = "ws://127.0.0.1:" + server.port();
    return Program.java("-cp", classPath(), Cases.class.getName(), address, String.valueOf(isLong));
  }

  /** Checks the results of a client until it ends, and returns their number. */
  private static int passed(Program cases) throws Exception {
    int passed = 0;
    for (String line = cases.line(); !line.equals("end"); line = cases.line()) {
      if (line.startsWith("result ")) { // the others tell of the progress
        assertThat(line).matches("result \\S+ (OK|INFORMATIONAL) (OK|INFORMATIONAL)");
        passed++;
      }
    }
    assertThat(cases.exitStatus()).isZero();
    assertThat(cases.output()).isEmpty();
    return passed;
  }

  /** Returns the class path without Netty, whose package io would hide Python's module io. */
  private static String classPath() {
    return Stream.of(Program.classPath().split(File.pathSeparator, -1))
        .filter(file -> file.matches(".*(autobahn|jython|json-simple).*|.*test-classes/?"))
        .collect(joining(File.pathSeparator));
  }
}
