package dev.jev.plugin;

import dev.jev.Server;
import dev.jev.Texts;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * An echo server in a process of its own, which drains on a signal.
 *
 * <p>Its arguments are three times in milliseconds. It prints "starts", its port and, at the end,
 * the number of messages it has answered and the report. It exits with 0 if no connection was cut
 * off.
 */
final class DrainedServer {

  private DrainedServer() {}

  public static void main(String[] args) throws Exception {
    System.out.println("starts");
    AtomicInteger answered = new AtomicInteger();
    Drain drain =
        Drain.builder()
            .acceptTime(millis(args[0]))
            .spread(millis(args[1]))
            .deadline(millis(args[2]))
            .build();
    drain
        .ended()
        .thenAccept(
            report -> {
              System.out.println(answered.get());
              System.out.println(report);
              LockSupport.parkNanos(Duration.ofMillis(100).toNanos()); // the hook must wait for it
              Runtime.getRuntime().halt(report.cut() == 0 ? 0 : 1);
            });
    Server server =
        Server.<String, String>builder(
                Texts::new,
                (connection, message) -> {
                  if (connection.send(message)) {
                    answered.incrementAndGet();
                  }
                })
            .listen("tcp://127.0.0.1:0")
            .eventLoops(2)
            .lingeringCloseTimeout(Duration.ofMinutes(1)) // the peers may be slow
            .plugin(drain)
            .start();
    System.out.println(server.port());
    server.awaitStop();
  }

  private static Duration millis(String millis) {
    return Duration.ofMillis(Long.parseLong(millis));
  }
}
