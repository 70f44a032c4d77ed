package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Lines of a protocol that speaks by itself: {@code hello} first, {@code bye} last, and {@code ?}
 * if it is asked by an empty line. The peer must begin with {@code hello}, too.
 */
final class GreetedLines implements Protocol<String, String> {

  private final AtomicInteger packed;
  private boolean greeted;

  GreetedLines() {
    this(new AtomicInteger());
  }

  /** Creates a protocol that counts the messages that it packs. */
  GreetedLines(AtomicInteger packed) {
    this.packed = packed;
  }

  @Override
  public void open(ProtocolContext context) {
    context.write(line("hello"));
  }

  private static ByteBuf line(String text) {
    return Unpooled.copiedBuffer(text + "\n", US_ASCII);
  }

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    while (true) {
      int length = in.bytesBefore((byte) '\n');
      if (length < 0) {
        return null;
      }
      String text = in.readCharSequence(length, US_ASCII).toString();
      in.skipBytes(1);
      if (!greeted) {
        greeted = true;
        if (!text.equals("hello")) {
          throw new ProtocolException("greeting: " + text + " (expected: hello)");
        }
        context.ready();
        return null;
      }
      if (!text.isEmpty()) {
        return text;
      }
      context.write(line("?"));
    }
  }

  @Override
  public void pack(String message, ByteBuf out) {
    packed.incrementAndGet();
    ByteBufUtil.writeAscii(out, message);
    if (message.isEmpty()) {
      throw new IllegalArgumentException("message: empty (expected: a text)");
    }
    out.writeByte('\n');
  }

  @Override
  public Object encodingKey() {
    return GreetedLines.class;
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    context.write(line("bye"));
  }
}
