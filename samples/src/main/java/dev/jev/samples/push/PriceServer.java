package dev.jev.samples.push;

import static java.util.Objects.requireNonNull;

import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.websocket.WebSocketHandshake;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import java.time.Duration;
import java.util.function.Supplier;

/** Pushes prices by WebSocket. The path of a client says what happens if it reads too slowly. */
record PriceServer(Topic<PriceServer.Price> prices)
    implements Handler<WebSocketMessage, PriceServer.Price> {

  /** The latest price of a symbol, as JSON. */
  record Price(String symbol, String json) {}

  @Override
  public void onConnect(Connection<Price> client) {
    var request = requireNonNull(client.attribute(WebSocketHandshake.class)).request();
    client.attach(prices.subscribe(client, policy(request.path())));
  }

  private static SlowConsumer<Price> policy(String path) {
    return switch (path) {
      case "/drop-oldest" -> SlowConsumer.dropOldest();
      case "/conflate" -> SlowConsumer.conflate(Price::symbol);
      case "/unbounded" ->
          SlowConsumer.<Price>close().maxBytes(16 << 20).maxAge(Duration.ofHours(1));
      default -> SlowConsumer.close();
    };
  }

  Server start(String uri, EventLoops loops) {
    Supplier<WebSocketProtocol> sockets = WebSocketProtocol.server().build();
    Supplier<Protocol<WebSocketMessage, Price>> protocol =
        () -> sockets.get().mapOutbound(price -> WebSocketMessage.text(price.json()));
    return Server.builder(protocol, this)
        .listen(uri)
        .eventLoops(loops)
        .writeWatermarks(512, 1024) // what is beyond waits in the subscription
        .maxPendingBytes(64 << 20)
        .sendBufferBytes(1024) // the kernel would hide some seconds of prices
        .start();
  }

  @Override
  public void onMessage(Connection<Price> client, WebSocketMessage message) {
    client.close(); // clients only listen
  }
}
