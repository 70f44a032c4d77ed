package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Pushes lines no faster than each client reads them.
 *
 * <p>A handler that checks {@code isWritable} before it sends skips a slow client instead of
 * filling its write buffer. {@code pendingBytes} returns the size of that buffer.
 */
@Command(name = "buffer-length", description = "Sends numbered lines; slow clients get fewer.")
final class BufferLength implements Callable<Integer>, Handler<String, String> {

  @Mixin private ServerOptions options = new ServerOptions(5006);

  @Option(
      names = "--period-ms",
      description = "Time between two lines, in milliseconds (default: ${DEFAULT-VALUE}).")
  private int periodMillis = 10;

  @Option(
      names = "--size",
      description = "Padding of each line, in bytes (default: ${DEFAULT-VALUE}).")
  private int size = 10_000;

  /** The state of one client. */
  private static final class Feed {
    int number;
    int skipped;
  }

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::lines, this));
  }

  @Override
  public void onConnect(Connection<String> connection) {
    Feed feed = new Feed();
    connection.runEvery(Duration.ofMillis(periodMillis), () -> push(connection, feed));
  }

  private void push(Connection<String> connection, Feed feed) {
    feed.number++;
    if (connection.isWritable()) {
      String line = feed.number + " skipped " + feed.skipped + " waiting ";
      connection.send(line + connection.pendingBytes() + " ".repeat(size));
    } else {
      feed.skipped++;
    }
  }

  @Override
  public void onMessage(Connection<String> connection, String line) {
    // Lines from clients are ignored.
  }
}
