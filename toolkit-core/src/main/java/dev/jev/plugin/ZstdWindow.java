package dev.jev.plugin;

import java.nio.ByteBuffer;

/**
 * The size of the largest window of the Zstandard frames of a stream, from the frames' headers (RFC
 * 8878, 3.1.1.1), which may arrive in pieces. A native context keeps its window from one frame to
 * the next.
 *
 * <pre>
 *   magic number:4  descriptor:1  window descriptor:0..1  dictionary:0..4  content size:0..8
 * </pre>
 */
final class ZstdWindow {

  private static final int MAGIC = 0xfd2fb528;
  private static final int MAGIC_BYTES = 4;
  private static final int SINGLE_SEGMENT = 1 << 5;
  private static final int MIN_WINDOW_LOG = 10;
  private static final int[] DICTIONARY_BYTES = {0, 1, 2, 4};

  private int position; // in the header
  private int magic;
  private int descriptor;
  private long bytes;
  private boolean known;
  private long largest; // of the earlier frames

  /** Begins a new frame. */
  void begin() {
    position = 0;
    magic = 0;
    largest = bytes();
    bytes = 0;
    known = false;
  }

  /** Returns whether no byte of the frame has been taken. */
  boolean isAtBeginning() {
    return position == 0;
  }

  /** Returns the size of the largest window in bytes, as far as known. */
  long bytes() {
    return Math.max(largest, bytes);
  }

  /** Takes bytes of the frame: those before the position of {@code source}, from {@code start}. */
  void accept(ByteBuffer source, int start) {
    for (int i = start; i < source.position() && !known; i++) {
      accept(source.get(i) & 0xff);
      position++;
    }
  }

  private void accept(int octet) {
    if (position < MAGIC_BYTES) {
      magic |= octet << (Byte.SIZE * position); // little-endian
    } else if (magic != MAGIC) {
      known = true; // a skippable frame
    } else if (position == MAGIC_BYTES) {
      descriptor = octet;
    } else if ((descriptor & SINGLE_SEGMENT) == 0) {
      long base = 1L << (MIN_WINDOW_LOG + (octet >> 3));
      bytes = base + (base >> 3) * (octet & 7);
      known = true;
    } else {
      acceptContentSize(octet);
    }
  }

  /** A frame in a single segment has no window descriptor: its content is the window. */
  private void acceptContentSize(int octet) {
    int first = MAGIC_BYTES + 1 + DICTIONARY_BYTES[descriptor & 3];
    int length = 1 << (descriptor >> 6);
    int index = position - first;
    if (index >= 0) {
      bytes |= (long) octet << (Byte.SIZE * index); // little-endian
    }
    if (index == length - 1) {
      bytes += length == 2 ? 256 : 0;
      known = true;
    }
  }
}
