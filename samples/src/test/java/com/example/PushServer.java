// region server
package com.example;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;

/** Pushes the texts that a page sends to all pages. */
public final class PushServer implements Handler<WebSocketMessage, WebSocketMessage> {

  private final Topic<WebSocketMessage> texts = Topic.of("texts");

  @Override
  public void onConnect(Connection<WebSocketMessage> connection) {
    texts.subscribe(connection, SlowConsumer.dropOldest()); // until it closes
  }

  @Override
  public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    texts.publish(message);
  }

  public static Server start(String uri) {
    var sockets =
        WebSocketProtocol.server().path("/push").http(HttpResponder.classPath("static")).build();
    return Server.builder(sockets, new PushServer()).listen(uri).start();
  }

  public static void main(String[] args) throws InterruptedException {
    Server server = start("tcp://:8080");
    System.out.println("open http://localhost:" + server.port() + "/");
    server.awaitStop(); // until Ctrl-C
  }
}
// endregion
