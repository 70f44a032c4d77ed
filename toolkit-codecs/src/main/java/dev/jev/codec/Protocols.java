package dev.jev.codec;

import dev.jev.Protocol;
import io.netty.buffer.ByteBuf;

/**
 * The protocols of every day, one factory each.
 *
 * <p>A factory is a server's first argument as it stands: {@code
 * Server.builder(Protocols::lengthPrefixed, handler)}.
 */
public final class Protocols {

  private Protocols() {}

  /**
   * Bytes as they come: what one read brought is one message, and nothing is added to what is sent.
   *
   * <p>Where one message ends and the next begins means nothing; a stream may be cut anywhere.
   */
  public static Protocol<ByteBuf, ByteBuf> bytes() {
    return BytesProtocol.INSTANCE;
  }

  /**
   * Frames of a four-byte length, big-endian, and as many bytes of payload.
   *
   * <p>The length does not count its own four bytes. An empty payload is a message. A negative
   * length, and a frame longer than the server's {@code maxFrameBytes} (1 MiB by default, with the
   * four bytes), is refused as soon as the length has arrived.
   */
  public static Protocol<ByteBuf, ByteBuf> lengthPrefixed() {
    return LengthPrefixedProtocol.INSTANCE;
  }

  /**
   * The server's side of RESP2, the protocol of Redis, with pipelining and inline commands.
   *
   * <p>Malformed input is answered in Redis' own words and closes the connection. A command has at
   * most 1,048,576 arguments, and at most the server's {@code maxFrameBytes} (1 MiB by default) all
   * in all; an inline command has at most 64 KiB.
   */
  public static Protocol<RespCommand, RespValue> resp() {
    return new RespProtocol();
  }
}
