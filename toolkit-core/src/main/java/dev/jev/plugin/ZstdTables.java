package dev.jev.plugin;

import java.nio.ByteBuffer;

/**
 * Counts the entropy tables that the Zstandard frames of a stream define (RFC 8878, 3.1.1.3), which
 * may arrive in pieces. A decoder builds a table of up to 2,048 entries from a few bytes, and a
 * block with up to four of them may have almost no content.
 *
 * <pre>
 *   block:      header:3  literals  sequences
 *   literals:   header:1..5  content
 *   sequences:  number:1..3  modes:1  content
 * </pre>
 *
 * <p>Only the headers are read. Malformed ones are left to the decoder, which fails.
 */
final class ZstdTables {

  private static final int MAGIC = 0xfd2fb528;
  private static final int MAGIC_BYTES = 4;
  private static final int BLOCK_HEADER_BYTES = 3;

  // Types of blocks.
  private static final int RLE_BLOCK = 1;
  private static final int COMPRESSED_BLOCK = 2;

  // Types of literals; those beyond are compressed with an earlier table.
  private static final int RLE_LITERALS = 1;
  private static final int LITERALS_WITH_TABLE = 2;

  /** The mode of a kind of symbols with a table. */
  private static final int MODE_WITH_TABLE = 2;

  /** A part of a frame. */
  private enum Part {
    MAGIC,
    DESCRIPTOR,
    BLOCK,
    LITERALS,
    SEQUENCES,
    MODES,
    /** A checksum or a skippable frame. */
    REST
  }

  private Part part = Part.MAGIC;
  private long value; // the bytes of this part so far, little-endian
  private int valueBytes;
  private int skip; // number of bytes before the next part
  private int blockBytes; // unread bytes of the block
  private boolean isLastBlock;
  private int tables;

  /** Begins a new frame. */
  void begin() {
    next(Part.MAGIC);
    skip = 0;
  }

  /**
   * Takes bytes of the frame: those before the position of {@code source}, from {@code start}.
   * Returns the number of tables that they define.
   */
  int accept(ByteBuffer source, int start) {
    tables = 0;
    for (int i = start; i < source.position() && part != Part.REST; ) {
      if (skip > 0) {
        int skipped = Math.min(skip, source.position() - i);
        i += skipped;
        skip -= skipped;
      } else {
        accept(source.get(i) & 0xff);
        i++;
      }
    }
    return tables;
  }

  private void accept(int octet) {
    value |= (long) octet << (Byte.SIZE * valueBytes);
    valueBytes++;
    blockBytes--;
    switch (part) {
      case MAGIC -> {
        if (valueBytes == MAGIC_BYTES) {
          next((int) value == MAGIC ? Part.DESCRIPTOR : Part.REST);
        }
      }
      case DESCRIPTOR -> {
        skip = headerBytes(octet);
        next(Part.BLOCK);
      }
      case BLOCK -> {
        if (valueBytes == BLOCK_HEADER_BYTES) {
          beginBlock((int) value);
        }
      }
      case LITERALS -> acceptLiterals();
      case SEQUENCES -> acceptSequences();
      default -> {
        tables += tableOf(octet >> 6) + tableOf(octet >> 4) + tableOf(octet >> 2);
        endBlock();
      }
    }
  }

  private void next(Part next) {
    part = next;
    value = 0;
    valueBytes = 0;
  }

  /** Returns the number of bytes of the frame's header behind the descriptor (3.1.1.1.1). */
  private static int headerBytes(int descriptor) {
    boolean isSingleSegment = (descriptor & 1 << 5) != 0;
    int window = isSingleSegment ? 0 : 1;
    int dictionary = (1 << (descriptor & 3)) / 2;
    int sizeFlag = descriptor >> 6;
    int contentSize = sizeFlag == 0 && !isSingleSegment ? 0 : 1 << sizeFlag;
    return window + dictionary + contentSize;
  }

  private void beginBlock(int header) {
    isLastBlock = (header & 1) != 0;
    int type = header >> 1 & 3;
    blockBytes = type == RLE_BLOCK ? 1 : header >> 3;
    if (type == COMPRESSED_BLOCK && blockBytes > 0) {
      next(Part.LITERALS);
    } else {
      endBlock();
    }
  }

  private void endBlock() {
    skip = Math.max(blockBytes, 0);
    next(isLastBlock ? Part.REST : Part.BLOCK);
  }

  private void acceptLiterals() {
    int type = (int) value & 3;
    int format = (int) value >> 2 & 3;
    boolean isCompressed = type >= LITERALS_WITH_TABLE;
    int bytes =
        isCompressed ? Math.max(2 + format, 3) : (format & 1) == 0 ? 1 : 1 + (format + 1) / 2;
    if (valueBytes < bytes) {
      return;
    }
    tables += tableOf(type);
    int content;
    if (isCompressed) { // two numbers of equal length, the second one of which counts
      int bits = format <= 1 ? 10 : format == 2 ? 14 : 18;
      content = (int) (value >> (4 + bits)) & ((1 << bits) - 1);
    } else {
      content = type == RLE_LITERALS ? 1 : (int) value >> ((format & 1) == 0 ? 3 : 4);
    }
    if (content >= blockBytes) {
      endBlock();
    } else {
      skip = content;
      blockBytes -= content;
      next(Part.SEQUENCES);
    }
  }

  private void acceptSequences() {
    int first = (int) value & 0xff;
    int bytes = first < 128 ? 1 : first < 255 ? 2 : 3;
    if (first == 0 || blockBytes <= 0) {
      endBlock();
    } else if (valueBytes == bytes) {
      next(Part.MODES);
    }
  }

  private static int tableOf(int mode) {
    return (mode & 3) == MODE_WITH_TABLE ? 1 : 0;
  }
}
