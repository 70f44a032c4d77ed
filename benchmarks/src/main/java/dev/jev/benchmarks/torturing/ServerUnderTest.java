package dev.jev.benchmarks.torturing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.CloseReason;
import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import dev.jev.benchmarks.shared.Polling;
import dev.jev.benchmarks.shared.ProcFs;
import dev.jev.benchmarks.shared.WebSocketHandshake;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A torture server in a process of its own, with a canary on its first event loop, and the rules
 * that it has to meet after every row.
 */
final class ServerUnderTest implements AutoCloseable {

  private static final List<String> JVM =
      List.of(
          "-Xmx256m",
          "-XX:MaxDirectMemorySize=128m",
          "-XX:+UseSerialGC",
          "-Dio.netty.leakDetection.level=paranoid");

  private static final Pattern LISTENING =
      Pattern.compile("listening on tcp://127\\.0\\.0\\.1:(\\d+) after (\\d+) ms");
  private static final Pattern RECORD = Pattern.compile("(INFO|WARNING|SEVERE): .*");
  private static final double CANARY_LIMIT_MILLIS = 50;
  private static final long SETTLE_SECONDS = 10;
  private static final long HEAP_TOLERANCE = 8 << 20;

  /**
   * Tolerated growth of direct memory. Netty counts a chunk of 4 MiB as used once a byte of it is.
   */
  private static final long DIRECT_TOLERANCE = 4 * (4 << 20);

  private static final int WARM_UP_CONNECTIONS = 20;

  private final ChildProcesses children;
  private final Process process;
  private final BufferedReader out;
  private final Path log;
  private final long started = System.nanoTime();
  private final boolean webSocket;
  private final boolean compresses;
  private final int port;
  private final int bindMillis;
  private @Nullable Canary canary;
  private @Nullable Canary machine; // measures the delays of this process
  private ServerStats before = new ServerStats("");
  private long filesBefore;
  private boolean ended;

  private ServerUnderTest(ChildProcesses children, Process process, Path log, List<String> command)
      throws IOException {
    this.webSocket = command.contains("--websocket");
    this.compresses = command.contains("--zstd");
    this.children = children;
    this.process = process;
    this.log = log;
    this.out = process.inputReader();
    String line = out.readLine();
    Matcher listening = LISTENING.matcher(line == null ? "" : line);
    if (!listening.matches()) {
      children.stop(process);
      throw new BenchmarkException("torture server: " + line + " " + log());
    }
    this.port = Integer.parseInt(listening.group(1));
    this.bindMillis = Integer.parseInt(listening.group(2));
  }

  /** Starts a server, warms it up, and starts the canary. */
  static ServerUnderTest start(ChildProcesses children, String... arguments) throws Exception {
    ServerUnderTest server = startCold(children, List.of(), arguments);
    server.warmUp();
    server.startCanary();
    return server;
  }

  /**
   * Starts a server that has done nothing yet and has no canary.
   *
   * @param prefix the words in front of its command line
   */
  static ServerUnderTest startCold(
      ChildProcesses children, List<String> prefix, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(commandLine());
    command.addAll(List.of(arguments));
    Path log = Files.createTempFile("torture", ".log");
    log.toFile().deleteOnExit();
    return new ServerUnderTest(children, children.start(command, log), log, command);
  }

  /** Returns the command line without arguments. Its transport is that of this process. */
  static List<String> commandLine() {
    List<String> jvm = new ArrayList<>(JVM);
    jvm.add("-Ddev.jev.transport=" + System.getProperty("dev.jev.transport", "auto"));
    List<String> command = JavaCommandLine.ofThisProgram(jvm);
    command.add("torture-server");
    return command;
  }

  void warmUp() throws Exception {
    for (int i = 0; i < WARM_UP_CONNECTIONS; i++) {
      try (Peer peer = connect()) {
        for (int message = 0; message < 50; message++) {
          peer.echo("warm up");
        }
      }
    }
    await("warm-up is over", () -> stat("connections") == 0);
  }

  /** Waits, and returns the part of one core that the server used meanwhile. */
  double load(int seconds) throws InterruptedException {
    double before = ProcFs.processorSeconds(pid());
    TimeUnit.SECONDS.sleep(seconds);
    return (ProcFs.processorSeconds(pid()) - before) / seconds;
  }

  /** Records the resources in use and connects the canary, always as the next connection. */
  ServerUnderTest startCanary() throws Exception {
    before = command("gc");
    canary = new Canary(connect());
    machine = Canary.inThisProcess();
    filesBefore = ProcFs.openFiles(process.pid());
    return this;
  }

  /** Connects a peer that uses the protocol of the server. */
  Peer connect() throws IOException {
    Peer peer = Peer.connect(port);
    if (compresses) {
      peer.compressed();
    }
    return webSocket ? peer.upgrade(WebSocketHandshake.MINIMAL) : peer;
  }

  int port() {
    return port;
  }

  int bindMillis() {
    return bindMillis;
  }

  Process process() {
    return process;
  }

  long pid() {
    return process.pid();
  }

  Canary canary() {
    if (canary == null) {
      throw new IllegalStateException("no canary; call startCanary first");
    }
    return canary;
  }

  /** Sends a command and returns the counters in the answer. */
  ServerStats command(String command) throws IOException {
    OutputStream in = process.getOutputStream();
    in.write((command + "\n").getBytes(US_ASCII));
    in.flush();
    return new ServerStats(line());
  }

  String line() throws IOException {
    String line = out.readLine();
    if (line == null) {
      throw new BenchmarkException("torture server ended: " + log());
    }
    return line;
  }

  /** Returns a counter, or 0 if it is absent. */
  long stat(String name) throws IOException {
    return command("stats").get(name);
  }

  /** Waits until {@code condition} holds, for at most 10 s. Returns the milliseconds until then. */
  long await(String what, Callable<Boolean> condition) throws Exception {
    return await(what, Duration.ofSeconds(SETTLE_SECONDS), condition);
  }

  long await(String what, Duration limit, Callable<Boolean> condition) throws Exception {
    long start = System.nanoTime();
    while (!condition.call()) {
      if (System.nanoTime() - start > limit.toNanos()) {
        throw new BenchmarkException("not within " + limit.toSeconds() + " s: " + what);
      }
      Polling.pause();
    }
    return (System.nanoTime() - start) / 1_000_000;
  }

  /** Sends a signal to a process. */
  static void signal(Process process, String name) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
  }

  String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      return e.toString();
    }
  }

  long logRecords() {
    return log().lines().filter(line -> RECORD.matcher(line).matches()).count();
  }

  /** Checks the rules that are common to all rows of the table, and ends the server. */
  void expectCleanState(Outcome outcome) throws Exception {
    expectCleanState(outcome, CANARY_LIMIT_MILLIS);
  }

  void expectCleanState(Outcome outcome, double canaryLimitMillis) throws Exception {
    Canary canary = canary();
    canary.stopSending();
    double p99 = canary.millis(99);
    double own = machine == null ? 0 : machine.millis(99);
    outcome.figure(
        "canary p50 %.1f ms, p99 %.1f ms (machine %.1f ms)", canary.millis(50), p99, own);
    outcome.require(canary.errors() == 0, "canary: %s", canary.firstError());
    outcome.require(
        p99 - own < canaryLimitMillis,
        "canary p99: %.1f ms (expected: < %.0f)",
        p99,
        canaryLimitMillis);
    try {
      await("only the canary is connected", () -> stat("connections") == 1);
      await("all files are closed", () -> ProcFs.openFiles(pid()) <= filesBefore);
    } catch (BenchmarkException e) {
      outcome.require(
          false,
          "%s: %d connections, %d files (before: %d)",
          e,
          stat("connections"),
          ProcFs.openFiles(pid()),
          filesBefore);
    }
    provokeLeakReports();
    ServerStats after = command("gc");
    expectClosedOnce(outcome, after, /* stillOpen= */ 1);
    long loops = before.get("loops");
    outcome.require(
        after.get("loops") == loops, "event loops: %d of %d", after.get("loops"), loops);
    expectNoGrowth(outcome, after, "heap", HEAP_TOLERANCE);
    expectNoGrowth(outcome, after, "direct", DIRECT_TOLERANCE);
    outcome.figure("RSS %d MiB", ProcFs.memoryBytes(pid(), "Rss") >> 20);
    expectQuietLog(outcome);
    canary.close();
    expectExit(outcome);
  }

  private void expectNoGrowth(Outcome outcome, ServerStats after, String memory, long tolerance) {
    long growth = after.get(memory) - before.get(memory);
    outcome.require(growth <= tolerance, "%s memory grew by %d bytes", memory, growth);
  }

  /**
   * Provokes leak reports. A leak is found when a buffer is allocated after the collection of the
   * leaked one.
   */
  private void provokeLeakReports() throws IOException {
    for (int i = 0; i < 3; i++) {
      command("gc");
      try (Peer peer = connect()) {
        peer.echo("x".repeat(100_000));
      }
    }
  }

  static void expectClosedOnce(Outcome outcome, ServerStats stats, long stillOpen) {
    long closed = 0;
    for (CloseReason.Kind kind : CloseReason.Kind.values()) {
      closed += stats.get(kind.name());
    }
    long opened = stats.get("opened");
    outcome.require(
        closed + stillOpen >= opened - 1 && closed <= opened,
        "closed: %d of %d opened",
        closed,
        opened);
    outcome.require(stats.get("calledTwice") == 0, "closed twice: %d", stats.get("calledTwice"));
  }

  void expectQuietLog(Outcome outcome) {
    double seconds = (System.nanoTime() - started) / 1e9;
    long records = logRecords();
    outcome.require(records <= 10 * seconds, "log: %d records in %.0f s", records, seconds);
    outcome.require(!log().contains("LEAK"), "leaks: %s", log());
  }

  /** Ends the server with SIGTERM, which has to suffice. */
  void expectExit(Outcome outcome) throws InterruptedException {
    process.destroy();
    boolean over = process.waitFor(20, TimeUnit.SECONDS);
    outcome.require(over && process.exitValue() == 0, "exit: %s", over ? process.exitValue() : "-");
    ended = over;
  }

  @Override
  public void close() throws IOException {
    if (canary != null) {
      canary.close();
    }
    if (machine != null) {
      machine.close();
    }
    if (!ended) {
      process.destroyForcibly();
    }
    children.stop(process);
    Files.deleteIfExists(log);
  }
}
