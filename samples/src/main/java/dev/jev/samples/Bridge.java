package dev.jev.samples;

import static java.util.Objects.requireNonNull;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.buffer.ByteBuf;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Carries bytes between TCP and WebSocket, so that any client of TCP gets through a web proxy. */
@Command(name = "bridge", description = "Carries bytes from TCP to WebSocket, or back.")
final class Bridge implements Callable<Integer> {

  /** The time for answers after the end of a client, which a WebSocket cannot pass on. */
  private static final Duration AFTER_END = Duration.ofSeconds(3);

  @Mixin private ServerOptions options = new ServerOptions(5022);

  @Option(
      names = "--to",
      required = true,
      paramLabel = "URI",
      description = "Where the bytes go: ws://HOST:PORT/PATH from TCP, or tcp://HOST:PORT back.")
  private URI to = URI.create("");

  @Override
  public Integer call() throws InterruptedException {
    if ("ws".equals(to.getScheme())) {
      var sockets = WebSocketProtocol.client(to);
      End near = near(sockets.tunnel(Protocols::bytes), sockets.address());
      return options.serve(Server.builder(Protocols::bytes, near));
    }
    End near = near(Protocols::bytes, to.toString());
    return options.serve(Server.builder(WebSocketProtocol.server().tunnel(Protocols::bytes), near));
  }

  /** Returns the handler of a server that makes a connection elsewhere for each of its own. */
  private static End near(Supplier<? extends Protocol<ByteBuf, ByteBuf>> protocol, String address) {
    EventLoops loops = EventLoops.builder().count(1).start();
    return new End(
        near -> {
          near.pauseReading(); // until the other end is connected
          Client.builder(protocol, new End(far -> join(near, far)))
              .eventLoops(loops)
              .connect(address)
              .connected()
              .whenComplete((far, failure) -> closeAfter(failure, near));
        });
  }

  private static void closeAfter(@Nullable Throwable failure, Connection<ByteBuf> near) {
    if (failure != null) {
      near.close();
    }
  }

  private static void join(Connection<ByteBuf> near, Connection<ByteBuf> far) {
    near.attach(far);
    far.attach(near);
    near.onHalfClose(AFTER_END, () -> {});
    near.resumeReading();
    if (!near.isOpen()) {
      far.close();
    }
  }

  /** One end of the bridge. The attachment of a connection is the one at the other end. */
  private record End(Consumer<Connection<ByteBuf>> opened) implements Handler<ByteBuf, ByteBuf> {

    @SuppressWarnings("unchecked")
    private static @Nullable Connection<ByteBuf> other(Connection<ByteBuf> connection) {
      return connection.attachment(Connection.class);
    }

    @Override
    public void onConnect(Connection<ByteBuf> connection) {
      opened.accept(connection);
    }

    @Override
    public void onMessage(Connection<ByteBuf> connection, ByteBuf bytes) {
      Connection<ByteBuf> other = requireNonNull(other(connection));
      other.send(bytes);
      if (!other.isWritable()) {
        connection.pauseReading();
        onWritable(other); // in case it has become writable in between
      }
    }

    @Override
    public void onWritable(Connection<ByteBuf> connection) {
      Connection<ByteBuf> other = other(connection);
      if (other != null && connection.isWritable()) {
        other.resumeReading();
      }
    }

    @Override
    public void onClose(Connection<ByteBuf> connection, CloseReason reason) {
      Connection<ByteBuf> other = other(connection);
      if (other != null) {
        other.close();
      }
    }
  }
}
