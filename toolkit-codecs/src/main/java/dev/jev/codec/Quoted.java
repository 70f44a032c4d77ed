package dev.jev.codec;

import java.util.HexFormat;

/** Formats bytes as printable text, as redis-cli does: {@code "a\r\n\x00"}. */
final class Quoted {

  private static final HexFormat HEX = HexFormat.of();

  private Quoted() {}

  /** Appends the first {@code maxBytes} bytes in quotes, and three dots if there are more. */
  static void append(StringBuilder text, byte[] bytes, int maxBytes) {
    text.append('"');
    for (int i = 0; i < Math.min(bytes.length, maxBytes); i++) {
      byte b = bytes[i];
      switch (b) {
        case '\r' -> text.append("\\r");
        case '\n' -> text.append("\\n");
        case '\t' -> text.append("\\t");
        case '"' -> text.append("\\\"");
        case '\\' -> text.append("\\\\");
        default -> {
          if (b >= ' ' && b <= '~') {
            text.append((char) b);
          } else {
            text.append("\\x").append(HEX.toHexDigits(b));
          }
        }
      }
    }
    text.append('"');
    if (bytes.length > maxBytes) {
      text.append("...");
    }
  }
}
