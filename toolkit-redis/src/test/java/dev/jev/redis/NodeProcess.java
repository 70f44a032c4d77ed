package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.io.IOException;
import java.util.regex.Pattern;

/** A process that runs a {@link NodeProgram}. It may be replaced by another one. */
final class NodeProcess implements AutoCloseable {

  final String name;
  private final String uri;
  private final int leaseSeconds;
  private volatile Program program;
  private volatile int port; // -1 while there is none

  /** Starts a process, and waits until it listens. */
  NodeProcess(String name, String uri) throws Exception {
    this(name, uri, /* leaseSeconds= */ 3);
  }

  NodeProcess(String name, String uri, int leaseSeconds) throws Exception {
    this.name = name;
    this.uri = uri;
    this.leaseSeconds = leaseSeconds;
    this.program = launch();
    this.port = program.port();
  }

  private Program launch() throws Exception {
    Program started =
        Program.java(
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dslf4j.internal.verbosity=ERROR",
            "-cp",
            Program.classPath(),
            NodeProgram.class.getName(),
            name,
            uri,
            Integer.toString(leaseSeconds));
    try {
      return started.listens(Pattern.compile("(\\d+)"));
    } catch (Throwable e) {
      started.close();
      throw e;
    }
  }

  /** Returns the port on which it listens now, or -1. */
  int port() {
    return port;
  }

  /** Sends SIGKILL, and waits for the end. */
  NodeProcess kill() throws Exception {
    port = -1;
    program.kill().exitStatus();
    program.close();
    return this;
  }

  /** Sends SIGTERM, and waits for the end, which must come without a fault. */
  NodeProcess terminate() throws Exception {
    port = -1; // a load balancer would notice
    assertThat(program.terminate().exitStatus()).as("%s", program.errors()).isZero();
    program.close();
    return this;
  }

  /** Starts another process of this name. */
  NodeProcess restart() throws Exception {
    program = launch();
    port = program.port();
    return this;
  }

  /** Suspends the process. */
  void freeze() throws Exception {
    Program.run(new byte[0], "sh", "-c", "kill -STOP " + program.pid());
  }

  /** Continues the process. */
  void thaw() throws Exception {
    Program.run(new byte[0], "sh", "-c", "kill -CONT " + program.pid());
  }

  /** Lets the process run for a tenth of the time only, until the returned one is closed. */
  AutoCloseable slowDown() throws Exception {
    String loop = "while kill -STOP $0; do sleep 0.09; kill -CONT $0; sleep 0.01; done";
    Program slowing = Program.start("sh", "-c", loop, Long.toString(program.pid()));
    return () -> {
      slowing.close();
      thaw();
    };
  }

  /** Returns the answer to a line. */
  String answer(String line) throws InterruptedException {
    return program.typesAndWaits(line + "\n").line();
  }

  /** Returns one of the numbers of {@code Nodes.counts()}. */
  long count(String name) throws InterruptedException {
    String counts = answer("counts");
    var matcher = Pattern.compile("\\b" + name + "=(\\d+)").matcher(counts);
    assertThat(matcher.find()).as("%s in %s", name, counts).isTrue();
    return Long.parseLong(matcher.group(1));
  }

  @Override
  public void close() throws IOException {
    program.close(); // with SIGKILL, which ends a suspended one, too
  }
}
