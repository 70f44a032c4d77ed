package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Diagnostics;
import dev.jev.plugin.WireLog;
import dev.jev.samples.options.ServerOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Prints the bytes of each connection, and the code that blocks an event loop. The line "block"
 * makes the handler block its event loop, as no handler should.
 */
@Command(name = "traced", description = "Echoes lines; prints bytes and blocked event loops.")
final class Traced implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5015);

  @Option(
      names = "--capture",
      paramLabel = "FILE",
      description = "File for a capture, which Wireshark opens.")
  private @Nullable Path capture;

  @Override
  public Integer call() throws InterruptedException {
    Server.Builder<String, String> builder =
        Server.builder(Protocols::lines, Traced::answer)
            .plugin(WireLog.builder().to(System.out::println).build())
            .plugin(Diagnostics.create(Traced::print));
    if (capture != null) {
      builder.plugin(WireLog.pcap(capture).build());
    }
    return options.serve(builder);
  }

  private static void answer(Connection<String> connection, String line) {
    if (line.equals("block")) {
      block();
    }
    connection.send(line);
  }

  private static void block() {
    long end = System.nanoTime() + Duration.ofSeconds(1).toNanos();
    while (System.nanoTime() - end < 0) {
      LockSupport.parkNanos(end - System.nanoTime());
    }
  }

  private static void print(Diagnostics.BlockedLoop blocked) {
    System.out.println(blocked.loop() + " is blocked in " + blocked.stack());
  }
}
