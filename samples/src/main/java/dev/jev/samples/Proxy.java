package dev.jev.samples;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * A proxy between two protocols: its clients speak lines, the server behind it texts with a length.
 *
 * <p>Reading from one side pauses while the other one is not writable. The end of the output of one
 * side only ends that of the other one, so that the answers still come; a close closes both.
 */
@Command(
    name = "proxy",
    description = "Passes lines on to a server of length-prefixed texts, and its texts back.")
final class Proxy implements Callable<Integer> {

  /** Long, since the answers may take their time; the loss of either peer closes both earlier. */
  private static final Duration MAX_HALF_CLOSED = Duration.ofHours(1);

  @Mixin private ServerOptions options = new ServerOptions(5024);

  @Option(
      names = "--to",
      paramLabel = "URI",
      description = "Server of length-prefixed texts (default: ${DEFAULT-VALUE}).")
  private String to = "tcp://127.0.0.1:5001";

  @Override
  public Integer call() throws InterruptedException {
    EventLoops loops = EventLoops.builder().count(1).start();
    Side clients = new Side(near -> connect(near, loops));
    return options.serve(
        Server.builder(Protocols::lines, clients)
            .closeOnPackFailure(true)); // a text with a line break is not lost in silence
  }

  /** Connects to the server behind, before anything is read from the client. */
  private void connect(Connection<String> near, EventLoops loops) {
    near.pauseReading();
    Client.builder(Proxy::texts, new Side(far -> join(near, far)))
        .eventLoops(loops)
        .closeOnPackFailure(true)
        .connect(to)
        .connected()
        .whenComplete((far, failure) -> closeAfter(failure, near));
  }

  private static Protocol<String, String> texts() {
    return Protocols.strings(Protocols.lengthPrefixed(), StandardCharsets.UTF_8);
  }

  private static void closeAfter(@Nullable Throwable failure, Connection<String> near) {
    if (failure != null) {
      near.close();
    }
  }

  private static void join(Connection<String> near, Connection<String> far) {
    near.attach(far);
    far.attach(near);
    near.onHalfClose(MAX_HALF_CLOSED, far::shutdownOutput);
    far.onHalfClose(MAX_HALF_CLOSED, near::shutdownOutput);
    near.resumeReading();
    if (!near.isOpen()) {
      far.close();
    }
  }

  /** One side of the proxy. The attachment of a connection is the one on the other side. */
  private record Side(Consumer<Connection<String>> opened) implements Handler<String, String> {

    @SuppressWarnings("unchecked")
    private static @Nullable Connection<String> other(Connection<String> connection) {
      return connection.attachment(Connection.class);
    }

    @Override
    public void onConnect(Connection<String> connection) {
      opened.accept(connection);
    }

    @Override
    public void onMessage(Connection<String> connection, String text) {
      Connection<String> other = other(connection);
      if (other != null) {
        other.send(text);
        if (!other.isWritable()) {
          connection.pauseReading();
          onWritable(other); // in case it has become writable in between
        }
      }
    }

    @Override
    public void onWritable(Connection<String> connection) {
      Connection<String> other = other(connection);
      if (other != null && connection.isWritable()) {
        other.resumeReading();
      }
    }

    @Override
    public void onClose(Connection<String> connection, CloseReason reason) {
      Connection<String> other = other(connection);
      if (other == null) {
        return;
      }
      if (reason.kind() == CloseReason.Kind.PEER_CLOSED) {
        other.shutdownOutput(); // it has ended, too, and closes when its output is written
      } else {
        other.close();
      }
    }
  }
}
