package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Protocol;
import dev.jev.Wire;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Lines of text, as people and {@code nc} type them; the end of a line is no part of it. */
final class Lines implements Protocol<String, String> {

  @Override
  public @Nullable String unpack(Wire wire, ByteBuf in) {
    int length = in.bytesBefore((byte) '\n');
    if (length < 0) {
      return null;
    }
    String line = in.readCharSequence(length, UTF_8).toString();
    in.skipBytes(1);
    return line.endsWith("\r") ? line.substring(0, line.length() - 1) : line;
  }

  @Override
  public void pack(String message, ByteBuf out) {
    out.writeCharSequence(message, UTF_8);
    out.writeByte('\n');
  }
}
