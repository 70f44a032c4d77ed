import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.codec.Protocols;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.util.Version;
import java.net.URI;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Echoes a line, and a text through WebSocket, by a server and a client. Prints Netty's version and
 * the transport.
 *
 * <p>Its argument is a pattern. Fails if the version of Netty is another one, if there are several,
 * or if the transport is not the native one.
 */
public final class EchoOnce {

  private EchoOnce() {}

  public static void main(String[] args) throws Exception {
    Transport transport = echo();
    webSocket();
    String versions = String.join(", ", nettyVersions());
    System.out.println("netty " + versions + ", transport " + transport);
    check("netty", versions, args[0]);
    if (hasNativeTransport()) {
      check("transport", transport.toString(), "EPOLL|KQUEUE");
    }
  }

  private static Transport echo() throws Exception {
    try (Server server =
        Server.builder(Protocols::lines, Handler.replying((String line) -> line))
            .listen("tcp://127.0.0.1:0")
            .start()) {
      String address = "tcp://127.0.0.1:" + server.port();
      CompletableFuture<String> reply = new CompletableFuture<>();
      Handler<String, String> handler = (connection, line) -> reply.complete(line);
      check("reply", exchange(Protocols::lines, handler, address, "hello", reply), "hello");
      return server.transport();
    }
  }

  private static void webSocket() throws Exception {
    try (Server server =
        Server.builder(WebSocketProtocol::new, Handler.replying((WebSocketMessage m) -> m))
            .listen("tcp://127.0.0.1:0")
            .start()) {
      var uri = WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + server.port() + "/"));
      CompletableFuture<String> reply = new CompletableFuture<>();
      Handler<WebSocketMessage, WebSocketMessage> handler =
          (connection, message) -> reply.complete(((WebSocketMessage.Text) message).text());
      WebSocketMessage hello = WebSocketMessage.text("hello");
      check("text", exchange(uri.build(), handler, uri.address(), hello, reply), "hello");
    }
  }

  /** Sends a message through a client and returns the reply. */
  private static <M> String exchange(
      Supplier<? extends Protocol<M, M>> protocols,
      Handler<M, M> handler,
      String address,
      M message,
      CompletableFuture<String> reply)
      throws Exception {
    try (Client<M> client = Client.builder(protocols, handler).connect(address)) {
      Connection<M> connection = client.connected().toCompletableFuture().get(20, TimeUnit.SECONDS);
      connection.send(message);
      return reply.get(20, TimeUnit.SECONDS);
    }
  }

  /** Returns the versions of all artifacts of Netty except those of tcnative. */
  private static Set<String> nettyVersions() {
    Set<String> versions = new TreeSet<>();
    Version.identify()
        .forEach(
            (artifact, version) -> {
              if (!artifact.contains("tcnative")) {
                versions.add(version.artifactVersion());
              }
            });
    return versions;
  }

  private static boolean hasNativeTransport() {
    String os = System.getProperty("os.name");
    String architecture = System.getProperty("os.arch");
    return (os.equals("Linux") || os.startsWith("Mac"))
        && (architecture.equals("amd64")
            || architecture.equals("x86_64")
            || architecture.equals("aarch64"));
  }

  static void check(String name, String actual, String expected) {
    if (!actual.matches(expected)) {
      throw new IllegalStateException(name + ": " + actual + " (expected: " + expected + ")");
    }
  }
}
