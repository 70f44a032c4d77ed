package dev.jev.spring.guide;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.Texts;
import dev.jev.spring.JevServer;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

// region handler
@JevServer(protocol = ShortTexts.class, listen = "tcp://:5001")
class Greeter implements Handler<String, String> {
  @Override
  public void onMessage(Connection<String> connection, String name) {
    connection.send("hello " + name);
  }
}

// endregion

/** Any protocol with a constructor without parameters. */
final class ShortTexts implements Protocol<String, String> {

  private final Texts texts = new Texts();

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    return texts.unpack(context, in);
  }

  @Override
  public void pack(String message, ByteBuf out) {
    texts.pack(message, out);
  }
}
