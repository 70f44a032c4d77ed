package dev.jev.spring.guide;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.spring.JevServer;

// region handler
@JevServer(protocol = ShortTexts.class, listen = "tcp://:5001")
class Greeter implements Handler<String, String> {
  @Override
  public void onMessage(Connection<String> connection, String name) {
    connection.send("hello " + name);
  }
}

// endregion
