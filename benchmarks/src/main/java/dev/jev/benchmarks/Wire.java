package dev.jev.benchmarks;

import java.nio.ByteBuffer;

/** How the load generator frames a message. */
enum Wire {
  /** The payload alone. */
  ECHO("echo", 0),

  /** A 4-byte big-endian length, then the payload. */
  LENGTH_PREFIXED("length-prefixed", 4);

  private final String label;
  private final int headerBytes;

  Wire(String label, int headerBytes) {
    this.label = label;
    this.headerBytes = headerBytes;
  }

  static Wire of(String label) {
    for (Wire wire : values()) {
      if (wire.label.equals(label)) {
        return wire;
      }
    }
    throw new BenchmarkException("protocol: " + label + " (expected: echo or length-prefixed)");
  }

  int headerBytes() {
    return headerBytes;
  }

  /** Writes the header of a message of {@code payloadBytes} at {@code index}. */
  void putHeader(ByteBuffer to, int index, int payloadBytes) {
    if (headerBytes > 0) {
      to.putInt(index, payloadBytes);
    }
  }

  @Override
  public String toString() {
    return label;
  }
}
