package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import java.nio.charset.Charset;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A protocol of text lines. */
final class LinesProtocol implements Protocol<String, String> {

  private static final byte[] END = {'\n'};

  private final LineFrames frames;
  private final StrictText text;
  private final EncodingKey encodingKey;

  LinesProtocol(Charset charset, int maxBytes) {
    this.text = new StrictText(charset);
    this.encodingKey = new EncodingKey(LinesProtocol.class, charset);
    if (!charset.equals(UTF_8) && !Arrays.equals("\n".getBytes(charset), END)) {
      throw new IllegalArgumentException(
          "charset: " + charset + " (expected: one in which \\n is the byte 0x0A)");
    }
    this.frames = new LineFrames(maxBytes);
  }

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    int end = frames.find(context, in);
    if (end < 0) {
      return null;
    }
    String line = text.decode(in, in.readerIndex(), LineFrames.lineBytes(in, end));
    in.readerIndex(end + 1);
    return line;
  }

  @Override
  public void pack(String message, ByteBuf out) {
    if (message.indexOf('\n') >= 0 || message.endsWith("\r")) {
      throw LineFrames.lineBreak();
    }
    text.encode(message, out);
    out.writeByte('\n');
  }

  @Override
  public Object encodingKey() {
    return encodingKey;
  }
}
