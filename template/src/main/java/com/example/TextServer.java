package com.example;

import com.example.TextProtocol.Message;
import dev.jev.Handler;
import dev.jev.Server;

/** A server that sends texts back, as they are or reversed. */
public final class TextServer {

  private TextServer() {}

  /** Runs the server on the given port, or on 9000. */
  public static void main(String[] args) throws InterruptedException {
    int port = args.length > 0 ? Integer.parseInt(args[0]) : 9000;
    Server server = start("tcp://:" + port);
    System.out.println("listening on port " + server.port());
    server.awaitStop(); // until Ctrl-C
  }

  static Server start(String uri) {
    return Server.builder(TextProtocol::new, Handler.replying(TextServer::reply))
        .listen(uri)
        .start();
  }

  static Message reply(Message request) {
    return switch (request.type()) {
      case ECHO -> request;
      case REVERSE ->
          new Message(request.type(), new StringBuilder(request.text()).reverse().toString());
    };
  }
}
