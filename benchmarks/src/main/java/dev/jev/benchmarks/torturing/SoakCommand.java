package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.drawing.Curves;
import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import dev.jev.benchmarks.shared.Machine;
import dev.jev.benchmarks.shared.ProcFs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Runs a server for long, under a load of many kinds, and fails if anything grows: the live heap,
 * direct memory, files, threads, or the time of an echo.
 */
@Command(name = "soak", description = "Runs a server for long, and fails if anything grows.")
public final class SoakCommand implements Callable<Integer> {

  private static final long SAMPLE_MILLIS = 5_000;
  private static final int SAMPLES_PER_RESTART = 12;
  private static final double MEBIBYTE = 1 << 20;

  /** Netty counts a chunk of 4 MiB as used once a byte of it is. */
  private static final double DIRECT_GROWTH = 16;

  private static final double HEAP_GROWTH = 4;
  private static final double LATENCY_GROWTH_MILLIS = 20;

  private static final List<String> JVM =
      List.of("-Xmx256m", "-XX:MaxDirectMemorySize=128m", "-XX:+UseSerialGC");

  @Option(names = "--minutes", description = "default: 10")
  private double minutes = 10;

  @Option(names = "--transport", description = "default: auto")
  private String transport = "auto";

  @Option(names = "--picture", description = "file for the curves as SVG")
  private @Nullable Path picture;

  /** The state of the server at one time; sizes in MiB. */
  private record Sample(
      double seconds,
      double heap,
      double direct,
      double resident,
      double threads,
      double files,
      double p99,
      double machineP99) {}

  private final List<Sample> samples = new ArrayList<>();
  private final Outcome outcome = new Outcome();

  @Override
  public Integer call() throws Exception {
    Path directory = Files.createTempDirectory("soak");
    Path identity = directory.resolve("identity.p12");
    String password = "password of a test";
    makeIdentity(identity, password);
    Path log = directory.resolve("log");
    try (ChildProcesses children = new ChildProcesses()) {
      List<String> command = JavaCommandLine.ofThisProgram(JVM);
      command.addAll(List.of("soak-server", "--identity", identity.toString()));
      command.addAll(List.of("--password", password, "--transport", transport));
      run(new Served(children.start(command, log)), trusted(identity, password));
    }
    report(log);
    return outcome.passed() ? 0 : 1;
  }

  private void run(Served server, KeyStore trusted) throws Exception {
    try (Canary canary = new Canary(Peer.connect(server.echoPort));
        Canary machine = Canary.inThisProcess()) {
      ServerStats before = server.command("stats");
      long filesBefore = ProcFs.openFiles(server.pid());
      long start = System.nanoTime();
      try (SoakLoad load = server.load(trusted)) {
        for (int i = 1; (System.nanoTime() - start) / 60e9 < minutes; i++) {
          TimeUnit.MILLISECONDS.sleep(SAMPLE_MILLIS);
          samples.add(sample(server, (System.nanoTime() - start) / 1e9, canary, machine));
          if (i % SAMPLES_PER_RESTART == 0) {
            server.command("restart");
          }
        }
        System.out.printf(Locale.ROOT, "connections that ended: %,d%n", load.rounds());
        outcome.require(
            load.failures() == 0, "peers: %d failures, %s", load.failures(), load.firstFailure());
      }
      outcome.require(canary.errors() == 0, "canary: %s", canary.firstError());
      server.awaitOneConnection();
      ServerStats after = server.command("stats");
      System.out.printf(
          Locale.ROOT,
          "messages received: %,d, published: %,d%n",
          after.get("received"),
          after.get("published"));
      long files = ProcFs.openFiles(server.pid());
      outcome.require(files <= filesBefore, "files: %d, before: %d", files, filesBefore);
      outcome.require(
          after.get("threads") <= before.get("threads") + 2, // of the JVM
          "threads: %d, before: %d",
          after.get("threads"),
          before.get("threads"));
    }
  }

  private static Sample sample(Served server, double seconds, Canary canary, Canary machine)
      throws IOException {
    double p99 = canary.nextMillis(99);
    double machineP99 = machine.nextMillis(99);
    ServerStats stats = server.command("stats");
    return new Sample(
        seconds,
        stats.get("heap") / MEBIBYTE,
        stats.get("direct") / MEBIBYTE,
        ProcFs.memoryBytes(server.pid(), "Rss") / MEBIBYTE,
        stats.get("threads"),
        ProcFs.openFiles(server.pid()),
        p99,
        machineP99);
  }

  // The result.

  private void report(Path log) throws IOException {
    System.out.println(
        "\n| median of | first quarter | second | third | last |\n|---|---|---|---|---|");
    row("live heap, MiB", Sample::heap);
    row("direct memory, MiB", Sample::direct);
    row("resident memory, MiB", Sample::resident);
    row("threads", Sample::threads);
    row("open files", Sample::files);
    row("p99 of an echo, ms", Sample::p99);
    row("p99 of an echo in the process of the load, ms", Sample::machineP99);
    // The first quarter is that in which the JVM compiles.
    expectNoGrowth("live heap", Sample::heap, HEAP_GROWTH);
    expectNoGrowth("direct memory", Sample::direct, DIRECT_GROWTH);
    expectNoGrowth("p99", sample -> sample.p99 - sample.machineP99, LATENCY_GROWTH_MILLIS);
    outcome.require(!Files.readString(log).contains("LEAK"), "leaks: %s", Files.readString(log));
    System.out.println(outcome.passed() ? "\nnothing grew" : "\n" + outcome.failures());
    if (picture != null) {
      Files.writeString(picture, picture());
    }
  }

  private void row(String what, ToDoubleFunction<Sample> figure) {
    System.out.printf(
        Locale.ROOT,
        "| %s | %.1f | %.1f | %.1f | %.1f |%n",
        what,
        median(0, figure),
        median(1, figure),
        median(2, figure),
        median(3, figure));
  }

  private void expectNoGrowth(String what, ToDoubleFunction<Sample> figure, double tolerance) {
    double growth = median(3, figure) - median(1, figure);
    outcome.require(growth <= tolerance, "%s: grew by %.1f", what, growth);
  }

  /** Returns the median of a quarter of the samples, from 0 to 3. */
  private double median(int quarter, ToDoubleFunction<Sample> figure) {
    int size = samples.size();
    double[] sorted =
        samples.subList(quarter * size / 4, Math.max((quarter + 1) * size / 4, 1)).stream()
            .mapToDouble(figure)
            .sorted()
            .toArray();
    return sorted.length == 0 ? 0 : sorted[sorted.length / 2];
  }

  private String picture() {
    Curves memory = new Curves("Memory", "MiB", 200);
    draw(memory, "live heap", Sample::heap);
    draw(memory, "direct", Sample::direct);
    draw(memory, "resident", Sample::resident);
    Curves counts = new Curves("Threads and open files", "", 160);
    draw(counts, "threads", Sample::threads);
    draw(counts, "open files", Sample::files);
    Curves latency = new Curves("p99 of an echo, beside the load", "ms", 160);
    draw(latency, "of the server", Sample::p99);
    draw(latency, "in the process of the load", Sample::machineP99);
    String conditions =
        String.format(
            Locale.ROOT,
            "%s, benchmarks/soak --minutes %.1f",
            LocalDate.now(ZoneOffset.UTC),
            minutes);
    return Curves.svg(
        "A server under load, " + Machine.describe(), conditions, List.of(memory, counts, latency));
  }

  private void draw(Curves chart, String label, ToDoubleFunction<Sample> figure) {
    chart.curve(label);
    samples.forEach(sample -> chart.point(sample.seconds, figure.applyAsDouble(sample)));
  }

  // TLS.

  private static void makeIdentity(Path store, String password) throws IOException {
    Process keytool =
        new ProcessBuilder(
                List.of(
                    JavaCommandLine.jdkTool("keytool"),
                    "-genkeypair",
                    "-alias",
                    "soak",
                    "-keyalg",
                    "EC",
                    "-dname",
                    "CN=localhost",
                    "-ext",
                    "san=dns:localhost,ip:127.0.0.1",
                    "-storetype",
                    "PKCS12",
                    "-storepass",
                    password,
                    "-keystore",
                    store.toString()))
            .redirectErrorStream(true)
            .start();
    String output =
        new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    if (!Files.exists(store)) {
      throw new BenchmarkException("keytool: " + output + " (expected: a certificate)");
    }
  }

  private static KeyStore trusted(Path identity, String password)
      throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(identity)) {
      store.load(in, password.toCharArray());
    }
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    trusted.setCertificateEntry("soak", store.getCertificate("soak"));
    return trusted;
  }

  /** The process of a {@link SoakServer}. */
  private static final class Served {

    private final Process process;
    private final BufferedReader answers;
    private final Writer commands;
    private final int echoPort;
    private final int tlsPort;
    private final int pushPort;

    Served(Process process) throws IOException {
      this.process = process;
      this.answers = process.inputReader();
      this.commands = process.outputWriter();
      String[] ports = line().split(" ", -1);
      echoPort = Integer.parseInt(ports[1]);
      tlsPort = Integer.parseInt(ports[2]);
      pushPort = Integer.parseInt(ports[3]);
    }

    long pid() {
      return process.pid();
    }

    SoakLoad load(KeyStore trusted) throws GeneralSecurityException {
      return new SoakLoad(echoPort, tlsPort, pushPort, trusted);
    }

    ServerStats command(String command) throws IOException {
      commands.write(command + "\n");
      commands.flush();
      return new ServerStats(line());
    }

    private String line() throws IOException {
      String line = answers.readLine();
      if (line == null) {
        throw new BenchmarkException("server: has ended (expected: an answer)");
      }
      return line;
    }

    /** Waits until only the canary is connected. */
    void awaitOneConnection() throws IOException, InterruptedException {
      for (int i = 0; i < 20 && command("stats").get("connections") > 1; i++) {
        TimeUnit.SECONDS.sleep(1);
      }
    }
  }
}
