package org.example.echo;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Echoes bytes by a server and a client, as a module that requires only {@code dev.jev.codec}. */
public final class EchoOnce {

  private EchoOnce() {}

  public static void main(String[] args) throws Exception {
    CompletableFuture<String> reply = new CompletableFuture<>();
    try (Server server =
            Server.builder(Protocols::bytes, Connection::send).listen("tcp://127.0.0.1:0").start();
        Client<ByteBuf> client =
            Client.builder(
                    Protocols::bytes,
                    (Connection<ByteBuf> connection, ByteBuf bytes) ->
                        reply.complete(bytes.toString(StandardCharsets.UTF_8)))
                .connect("tcp://127.0.0.1:" + server.port())) {
      client
          .connected()
          .toCompletableFuture()
          .get(20, TimeUnit.SECONDS)
          .send(io.netty.buffer.Unpooled.copiedBuffer("hello", StandardCharsets.UTF_8));
      check("reply", reply.get(20, TimeUnit.SECONDS), "hello");
      String transport = server.transport().toString();
      System.out.println(Server.class.getModule() + ", transport " + transport);
      check("transport", transport, expectedTransport());
    }
    check("module", EchoOnce.class.getModule().getName(), "org.example.echo");
  }

  private static String expectedTransport() {
    String os = System.getProperty("os.name");
    return os.equals("Linux") ? "EPOLL" : os.startsWith("Mac") ? "KQUEUE" : "NIO";
  }

  private static void check(String name, String actual, String expected) {
    if (!actual.equals(expected)) {
      throw new IllegalStateException(name + ": " + actual + " (expected: " + expected + ")");
    }
  }
}
