package dev.jev.benchmarks.codecs;

import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;

/** One connection's codec without a network: Jev's or Netty's. */
interface CodecDriver extends AutoCloseable {

  /**
   * Unpacks what one read brought, and releases each message when {@code handler} has seen it.
   *
   * <p><b>Ownership.</b> {@code bytes} is consumed.
   */
  void read(ByteBuf bytes, Consumer<Object> handler);

  /** Packs one message so many times and flushes once; {@code socket} sees what is written. */
  void send(int times, Consumer<Object> socket);

  @Override
  void close();
}
