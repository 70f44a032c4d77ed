package dev.jev.benchmarks.torturing;

import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.plugin.Drain;
import dev.jev.plugin.Limits;
import dev.jev.plugin.StreamTransform;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import dev.jev.websocket.WebSocketServerBuilder;
import io.netty.buffer.ByteBuf;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of the torture server: its protocol, its limits, and its drain. */
final class TortureServerOptions {

  /** Maximum size of a WebSocket message. */
  static final int MAX_MESSAGE_BYTES = 1 << 20;

  // The same functions for all connections, so that a published message is encoded once.
  private static final Function<WebSocketMessage, ByteBuf> DECODE = TortureServerOptions::decode;
  private static final Function<ByteBuf, WebSocketMessage> ENCODE = TortureServerOptions::encode;

  @Option(names = "--websocket", description = "uses WebSocket instead of length-prefixed frames")
  private boolean webSocket;

  @Option(
      names = "--pages",
      description = "a directory whose subdirectory pages is served over HTTP (default: none)")
  private @Nullable Path pages;

  @Option(names = "--ping-ms", description = "WebSocket ping interval (default: ${DEFAULT-VALUE})")
  private int pingMillis = 25_000;

  @Option(names = "--pong-ms", description = "WebSocket pong timeout (default: ${DEFAULT-VALUE})")
  private int pongMillis = 10_000;

  @Option(
      names = "--max-fragments",
      description = "fragments per message (default: ${DEFAULT-VALUE})")
  private int maxFragments = 1024;

  @Option(
      names = "--write-deadline-ms",
      description = "write stall timeout of a connection (default: none)")
  private int writeDeadlineMillis;

  @Option(
      names = "--message-rate",
      description = "messages per second of a connection (default: no limit)")
  private int messageRate;

  @Option(
      names = "--accept-rate",
      description = "accepted connections per second (default: no limit)")
  private int acceptRate;

  @Option(names = "--zstd", description = "compresses with zstd in both directions")
  private boolean compresses;

  @Option(names = "--drain", description = "drains for about 3 s before the stop")
  private boolean drains;

  private @Nullable Drain drain;

  Supplier<Protocol<ByteBuf, ByteBuf>> protocol() {
    if (!webSocket) {
      return TortureProtocol::new;
    }
    WebSocketServerBuilder sockets = WebSocketProtocol.server();
    if (pages != null) {
      sockets.http(responder(pages));
    }
    Supplier<WebSocketProtocol> protocol =
        sockets
            .maxMessageBytes(MAX_MESSAGE_BYTES)
            .maxFragments(maxFragments)
            .heartbeat(Duration.ofMillis(pingMillis), Duration.ofMillis(pongMillis))
            .compression()
            .stopCloseCode(1012)
            .build();
    return () -> protocol.get().map(DECODE, ENCODE);
  }

  private static HttpResponder responder(Path root) {
    try {
      URL[] classPath = {root.toUri().toURL()};
      Thread.currentThread().setContextClassLoader(new URLClassLoader(classPath));
      return HttpResponder.classPath("pages");
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException("pages: " + root + " (expected: a directory)", e);
    }
  }

  private static ByteBuf decode(WebSocketMessage message) {
    return ((WebSocketMessage.Payload) message).content().retain();
  }

  private static WebSocketMessage encode(ByteBuf bytes) {
    return WebSocketMessage.binary(bytes.retainedSlice());
  }

  void install(Server.Builder<ByteBuf, ByteBuf> server) {
    Limits.Builder limits = Limits.builder().onRateExceeded(Limits.RateLimitAction.CLOSE);
    if (writeDeadlineMillis > 0) {
      limits.writeStallTimeout(Duration.ofMillis(writeDeadlineMillis));
    }
    if (messageRate > 0) {
      limits.messageRate(messageRate, messageRate);
    }
    if (acceptRate > 0) {
      limits.acceptRate(acceptRate, 100);
    }
    if (writeDeadlineMillis + messageRate + acceptRate > 0) {
      server.plugin(limits.build());
    }
    if (compresses) {
      server.plugin(StreamTransform.zstd());
    }
    if (drains) {
      drain =
          Drain.builder()
              .acceptTime(Duration.ofMillis(500))
              .spread(Duration.ofSeconds(2))
              .deadline(Duration.ofSeconds(8))
              .withoutShutdownHook()
              .build();
      server.plugin(drain);
    }
  }

  /** Runs the drain, if there is one. Returns when it is complete. */
  void drain() {
    if (drain != null) {
      try {
        drain.begin().toCompletableFuture().join();
      } catch (CompletionException e) {
        throw new IllegalStateException("drain failed", e);
      }
    }
  }
}
