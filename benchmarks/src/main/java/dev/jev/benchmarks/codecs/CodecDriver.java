package dev.jev.benchmarks.codecs;

import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;

/** The codec of one connection, driven without a network. */
interface CodecDriver extends AutoCloseable {

  /**
   * Unpacks the bytes of one read, passes each message to {@code handler}, and releases it
   * afterwards.
   *
   * <p><b>Ownership.</b> {@code bytes} is consumed.
   */
  void read(ByteBuf bytes, Consumer<Object> handler);

  /**
   * Packs one message {@code times} times, flushes once, and passes what is written to {@code
   * socket}.
   */
  void send(int times, Consumer<Object> socket);

  @Override
  void close();
}
