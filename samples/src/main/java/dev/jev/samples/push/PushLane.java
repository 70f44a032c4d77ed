package dev.jev.samples.push;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Handler;
import dev.jev.Subscription;
import dev.jev.samples.push.PriceServer.Price;
import dev.jev.samples.push.PushFeed.Quote;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** A client of {@link PriceServer} that reads no faster than it is told, by pauses. */
final class PushLane implements Handler<WebSocketMessage, WebSocketMessage> {

  private static final Duration BACKOFF = Duration.ofMillis(500);
  private static final int RECEIVE_BUFFER = 1024; // the kernel would hide some seconds of prices
  private static final long MIN_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final String path;
  private final IntSupplier bytesPerSecond;
  private @Nullable Client<WebSocketMessage> client;

  // Read by a timer of the page.
  private volatile @Nullable Quote newest;
  private volatile double shown; // price of the first symbol

  private long paidUntil; // when the next bytes may be read; event loop only

  /**
   * Creates a client.
   *
   * @param path the path that it requests, which has its policy
   */
  PushLane(String path, IntSupplier bytesPerSecond) {
    this.path = path;
    this.bytesPerSecond = bytesPerSecond;
  }

  String path() {
    return path;
  }

  void start(int port, EventLoops loops) {
    var sockets = WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + port + path));
    client =
        Client.builder(sockets.build(), this)
            .eventLoops(loops)
            .receiveBufferBytes(RECEIVE_BUFFER)
            .reconnect(BACKOFF, BACKOFF)
            .connect(sockets.address());
  }

  @Override
  public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    String text = ((WebSocketMessage.Text) message).text();
    Quote quote = PushFeed.quote(text);
    newest = quote;
    if (quote.symbol() == 0) {
      shown = quote.price();
    }
    long now = System.nanoTime();
    long cost = TimeUnit.SECONDS.toNanos(1) * text.length() / bytesPerSecond.getAsInt();
    paidUntil = Math.max(paidUntil, now) + cost;
    if (paidUntil - now > MIN_PAUSE_NANOS) {
      connection.pauseReading();
      connection.runAfter(Duration.ofNanos(paidUntil - now), connection::resumeReading);
    }
  }

  /**
   * Returns what the page shows.
   *
   * @param served the server's side of the connection; null if there is none
   */
  PushEvent.Lane show(@Nullable Connection<Price> served) {
    Quote last = newest;
    Subscription counts = served == null ? null : served.attachment(Subscription.class);
    return new PushEvent.Lane(
        path.substring(1),
        last == null ? 0 : TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - last.nanos()),
        shown,
        served == null ? 0 : served.pendingBytes(),
        counts == null ? 0 : counts.dropped(),
        counts == null ? 0 : counts.conflated());
  }

  void stop() {
    if (client != null) {
      client.close();
    }
  }
}
