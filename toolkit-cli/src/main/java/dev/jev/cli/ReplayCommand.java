package dev.jev.cli;

import dev.jev.test.Replay;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Sends the traffic of a capture to a server again; see {@link Replay}. */
@Command(
    name = "replay",
    description = "Sends what the clients of a capture have sent, and compares the answers.")
final class ReplayCommand implements Callable<Integer> {

  @Mixin private Target target = new Target();

  @Parameters(
      index = "1",
      paramLabel = "FILE",
      description = "File of jev capture, or of WireLog.pcap.")
  private Path file = Path.of("");

  @Option(names = "--speed", description = "Times as fast as it was (default: 1).")
  private double speed = 1;

  @Option(names = "--at-once", description = "Wait for answers only, not for the time.")
  private boolean atOnce;

  @Option(names = "--count-only", description = "Count the answers, and do not compare them.")
  private boolean countOnly;

  @Option(
      names = "--answer-timeout",
      paramLabel = "SECONDS",
      description = "Time for an answer of the captured length (default: 5).")
  private double answerSeconds = 5;

  private final PrintStream out;

  ReplayCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Replay replay =
        Replay.to(target.address(), file)
            .answerTimeout(Duration.ofNanos((long) (answerSeconds * 1e9)));
    target.plugins().forEach(replay::plugin);
    if (atOnce) {
      replay.atOnce();
    } else {
      replay.speed(speed);
    }
    if (countOnly) {
      replay.countOnly();
    }
    Replay.Result result = replay.run();
    result.differences().forEach(out::println);
    out.printf(
        Locale.ROOT,
        "%,d connections in %.1f s: %,d bytes sent, %,d received, %,d in the capture;"
            + " %d connections differ%n",
        result.connections(),
        result.time().toNanos() / 1e9,
        result.sentBytes(),
        result.receivedBytes(),
        result.expectedBytes(),
        result.differences().size());
    return result.differences().isEmpty() ? 0 : 1;
  }
}
