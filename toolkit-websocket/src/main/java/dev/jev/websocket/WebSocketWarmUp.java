package dev.jev.websocket;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.Transport;
import io.netty.util.concurrent.FastThreadLocalThread;
import java.net.URI;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The first WebSocket of a process, which is inside the process and loads the classes that a
 * WebSocket needs.
 *
 * <p>There are more than two hundred of them, most for the HTTP request. The first real handshake
 * would load them on its event loop, and delay all other connections.
 */
final class WebSocketWarmUp {

  private static final System.Logger LOGGER = System.getLogger("dev.jev.websocket");
  private static final long WAIT_SECONDS = 1;
  private static final String ADDRESS = "local://dev.jev.websocket.warm-up";
  private static final AtomicBoolean BEGUN = new AtomicBoolean();

  /** A handler that answers each message twice: directly, and by a topic. */
  private static final class Echo implements Handler<WebSocketMessage, WebSocketMessage> {

    private final Topic<WebSocketMessage> topic = Topic.of("warm-up");

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      topic.subscribe(connection);
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      connection.send(message);
      topic.publish(message);
    }
  }

  private WebSocketWarmUp() {}

  /**
   * Opens and closes that WebSocket, unless this was done before or the caller is an event loop. A
   * server creates its first protocol on the thread that starts it.
   */
  static void run() {
    if (BEGUN.get()
        || Thread.currentThread() instanceof FastThreadLocalThread
        || !BEGUN.compareAndSet(false, true)) {
      return;
    }
    try {
      connect();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (Throwable t) { // no memory for a thread, for example
      LOGGER.log(System.Logger.Level.DEBUG, "the first WebSocket has to load its classes", t);
    }
  }

  @SuppressWarnings("try") // the server is only to be there
  private static void connect() throws InterruptedException {
    CountDownLatch answers = new CountDownLatch(2);
    WebSocketCompression compression = WebSocketCompression.DEFAULT;
    try (EventLoops loops = EventLoops.builder().transport(Transport.LOCAL).count(1).start();
        Server server =
            Server.builder(WebSocketProtocol.server().compression(compression).build(), new Echo())
                .eventLoops(loops)
                .listen(ADDRESS)
                .start();
        Client<WebSocketMessage> client =
            Client.<WebSocketMessage, WebSocketMessage>builder(
                    WebSocketProtocol.client(URI.create("ws://localhost/"))
                        .compression(compression)
                        .build(),
                    (connection, message) -> answers.countDown())
                .eventLoops(loops)
                .connect(ADDRESS)) {
      client.connected().thenRun(() -> client.send(WebSocketMessage.text("1")));
      answers.await(WAIT_SECONDS, TimeUnit.SECONDS);
    }
  }
}
