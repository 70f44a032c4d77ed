package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.ChildProcesses;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/** Rows about faults of the machine, of user code, and of the clock. */
final class FaultRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "13",
              "the server is stopped for 30 s (SIGSTOP), twice its idle timeout; 100 peers"
                  + " continue to send, 100 are silent",
              "afterwards all messages are answered, no connection is closed at once, and the"
                  + " silent ones are closed after one more timeout; canary p99 < 31 s, as the"
                  + " server is stopped",
              FaultRows::stoppedServer),
          new TortureRow(
              "16",
              "400 peers connect to a process with a limit of 150 open files",
              "accepting pauses, uses no CPU time, logs at most 1 record per second, and resumes"
                  + " within 1 s",
              (children, random, outcome) -> tooManyFiles(children, outcome, /* cold= */ false)),
          new TortureRow(
              "17",
              "the same, with a server that has not logged or served anything before",
              "the same",
              (children, random, outcome) -> tooManyFiles(children, outcome, /* cold= */ true)),
          new TortureRow(
              "19",
              "errors thrown by callbacks, tasks and timers: OutOfMemoryError, StackOverflowError,"
                  + " NoClassDefFoundError, AssertionError, an exception; 300 in total",
              "HANDLER_ERROR for their own connections, all event loops alive; canary p99 < 150"
                  + " ms, as each OutOfMemoryError causes full collections",
              FaultRows::errors),
          new TortureRow(
              "20",
              "a handler blocks its event loop for 5 s (threshold 50 ms)",
              "reported within 100 ms with its stack trace; the other event loop is not affected",
              FaultRows::blockedLoop),
          new TortureRow(
              "36",
              "the server is suspended for 5 s (SIGSTOP), so that its clock jumps; a timer with a"
                  + " period of 100 ms",
              "missed runs are skipped, no run is early; canary p99 < 6 s, as the server is"
                  + " suspended",
              FaultRows::suspended),
          new TortureRow(
              "37",
              "another thread creates and cancels 200,000 timers per second, for 5 s",
              "event loop lag p99 < 5 ms, no memory is retained",
              FaultRows::timers));

  private static final int PEERS = 200;

  private FaultRows() {}

  private static void stoppedServer(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children, "--idle-ms", "15000")) {
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < PEERS; i++) {
        peers.add(Peer.connect(server.port()).readTimeout(30_000));
        peers.get(i).echo("before");
      }
      List<Peer> talking = peers.subList(0, PEERS / 2);
      ServerUnderTest.signal(server.process(), "STOP");
      for (int second = 0; second < 30; second += 10) {
        for (Peer peer : talking) {
          peer.send("meanwhile");
        }
        TimeUnit.SECONDS.sleep(10);
      }
      ServerUnderTest.signal(server.process(), "CONT");
      long start = System.nanoTime();
      int answers = 0;
      for (Peer peer : talking) {
        for (int i = 0; i < 3; i++) {
          answers += peer.receive().equals("meanwhile") ? 1 : 0;
        }
        peer.echo("after");
      }
      TimeUnit.SECONDS.sleep(1);
      long killed = server.stat("IDLE");
      int closed = 0;
      for (Peer peer : peers.subList(PEERS / 2, PEERS)) {
        closed += peer.end() == Peer.End.FIN ? 1 : 0;
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      outcome.seen(
          "%d of %d answers, %d closed at once; %d silent peers closed",
          answers, 3 * talking.size(), killed, closed);
      outcome.figure(
          "%.0f %% closed at once; silent peers closed after %.1f s", killed / 2.0, seconds);
      outcome.require(answers == 3 * talking.size(), "answers: %d", answers);
      outcome.require(killed == 0, "closed at once: %d", killed);
      outcome.require(closed == PEERS / 2, "silent peers closed: %d", closed);
      for (Peer peer : peers) {
        peer.close();
      }
      server.expectCleanState(outcome, /* canaryLimitMillis= */ 31_000);
    }
  }

  private static void tooManyFiles(ChildProcesses children, Outcome outcome, boolean cold)
      throws Exception {
    List<String> limit = List.of("bash", "-c", "ulimit -n 150 && exec \"$@\"", "bash");
    try (ServerUnderTest server =
        ServerUnderTest.startCold(children, limit, "--max-connections", "10000")) {
      if (!cold) {
        try (Peer peer = Peer.connect(server.port())) {
          peer.send("!throw class").end();
        }
        server.warmUp();
      }
      server.startCanary();
      double quiet = server.load(3);
      long records = server.logRecords();
      long start = System.nanoTime();
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < 400; i++) {
        peers.add(Peer.connect(server.port()));
      }
      long accepted = server.stat("connections") - 1;
      double load = server.load(3) - quiet;
      double seconds = (System.nanoTime() - start) / 1e9;
      long logged = server.logRecords() - records;
      int alive = 0;
      for (Peer peer : peers.subList(0, (int) accepted)) {
        alive += peer.echo("alive").equals("alive") ? 1 : 0;
      }
      for (Peer peer : peers.subList(0, 300)) {
        peer.close();
      }
      start = System.nanoTime();
      peers.get(300).echo("first");
      double first = (System.nanoTime() - start) / 1e6;
      for (Peer peer : peers.subList(301, 400)) {
        peer.echo("at last");
      }
      double all = (System.nanoTime() - start) / 1e6;
      outcome.seen("%d accepted and served, %d log records in %.1f s", alive, logged, seconds);
      outcome.figure(
          "CPU time %+.1f %%, resumed after %.0f ms, all served after %.0f ms",
          100 * load, first, all);
      outcome.require(accepted > 50 && accepted < 150, "accepted: %d", accepted);
      outcome.require(load < 0.02, "CPU time: %.1f %% (expected: < 2 %%)", 100 * load);
      outcome.require(logged <= seconds + 1, "log: %d records", logged);
      outcome.require(first <= 1_100, "resumed after %.0f ms", first);
      for (Peer peer : peers) {
        peer.close();
      }
      server.expectCleanState(outcome);
    }
  }

  private static void errors(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    List<String> places = List.of("throw", "throw-later", "throw-timer");
    List<String> errors = List.of("memory", "stack", "class", "assertion", "exception");
    try (ServerUnderTest server = ServerUnderTest.start(children)) {
      int closed = 0;
      for (int i = 0; i < 300; i++) {
        String place = places.get(random.nextInt(places.size()));
        String error = errors.get(random.nextInt(errors.size()));
        try (Peer peer = Peer.connect(server.port())) {
          closed += peer.send("!" + place + " " + error).end() == Peer.End.NONE ? 0 : 1;
        }
      }
      long reasons = server.stat("HANDLER_ERROR");
      outcome.seen("%d closed, HANDLER_ERROR %d", closed, reasons);
      outcome.figure("%d log records", server.logRecords());
      outcome.require(closed == 300 && reasons == 300, "closed: %d, %d", closed, reasons);
      server.expectCleanState(outcome, /* canaryLimitMillis= */ 150);
    }
  }

  private static void blockedLoop(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children, "--blocked-ms", "50");
        Peer peer = Peer.connect(server.port())) { // not on the event loop of the canary
      peer.echo("hello");
      TimeUnit.SECONDS.sleep(1);
      long start = System.currentTimeMillis();
      peer.send("!block 5000");
      TimeUnit.SECONDS.sleep(1);
      String[] blocked = server.command("stats").text("blocked").split("/", -1);
      peer.receive();
      long end = System.currentTimeMillis() - start;
      long detected = blocked.length < 3 ? -1 : Long.parseLong(blocked[0]) - start;
      boolean stack = blocked.length == 3 && Boolean.parseBoolean(blocked[2]);
      outcome.seen("reported, stack %s; answered after %d ms", stack ? "shown" : "missing", end);
      outcome.figure("detected after %d ms", detected);
      outcome.require(detected >= 0 && detected <= 100, "detected after %d ms", detected);
      outcome.require(stack, "no stack trace");
      peer.shutdownOutput().end();
      server.expectCleanState(outcome);
    }
  }

  private static void suspended(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children)) {
      server.command("feed 1 100");
      TimeUnit.SECONDS.sleep(2);
      long before = server.stat("ticks");
      ServerUnderTest.signal(server.process(), "STOP");
      TimeUnit.SECONDS.sleep(5);
      ServerUnderTest.signal(server.process(), "CONT");
      long start = System.nanoTime();
      TimeUnit.SECONDS.sleep(2);
      long ticks = server.stat("ticks") - before;
      double seconds = (System.nanoTime() - start) / 1e9;
      outcome.seen("%d runs in the next %.2f s", ticks, seconds);
      outcome.figure("misfired runs: %d", Math.max(0, ticks - Math.round(seconds * 10) - 2));
      outcome.require(ticks >= seconds * 10 - 3 && ticks <= seconds * 10 + 2, "runs: %d", ticks);
      server.expectCleanState(outcome, /* canaryLimitMillis= */ 6_000);
    }
  }

  private static void timers(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children, "--blocked-ms", "20")) {
      ServerStats stats = server.command("timers 200000 5");
      double p99 = stats.get("lagP99") / 1e3;
      outcome.seen("%,d/s", stats.get("perSecond"));
      outcome.figure(
          "event loop lag p99 %.1f ms, max %.1f ms; %d ns per timer;"
              + " %d bytes of heap per waiting timer",
          p99, stats.get("lagMax") / 1e3, stats.get("nanos"), stats.get("bytes"));
      outcome.require(stats.get("perSecond") > 190_000, "%d/s", stats.get("perSecond"));
      outcome.require(p99 < 5, "loop lag p99: %.1f ms (expected: < 5)", p99);
      server.expectCleanState(outcome);
    }
  }
}
