package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * The delimiters that end a frame: the configuration of {@link Protocols#delimited}. Immutable, and
 * best created once for all connections.
 *
 * <p>Created by {@link #of} and refined by the other methods: {@code Delimiters.of(new byte[]
 * {0}).kept().maxFrameBytes(1024)}. By default, delimiters are stripped from the messages, and the
 * server's {@code maxFrameBytes} applies.
 *
 * <h2>Search</h2>
 *
 * The search for all delimiters is one pass of the automaton of Aho and Corasick (1975). Its state
 * is the longest suffix of the bytes so far that is a prefix of a delimiter; each byte leads to
 * another state or ends a delimiter. Each byte is therefore examined once, however the bytes are
 * split into reads and whatever the delimiters have in common. In the initial state, with an empty
 * prefix, the search skips to the next byte that begins a delimiter, eight bytes at a time.
 */
public final class Delimiters {

  /** The maximum total length of the delimiters, which bounds the size of the table. */
  private static final int MAX_BYTES = 1024;

  private static final long LOW_BITS = 0x7f7f7f7f7f7f7f7fL;
  private static final long ONES = 0x0101010101010101L;

  private final byte[][] sequences;
  private final boolean kept;
  private final int maxFrameBytes;

  /** The table column of each byte; all bytes that are in no delimiter share the first column. */
  private final short[] columns;

  private final int width; // columns per row

  /**
   * The transitions: for each state and column the index of the next state's row or, if negative,
   * the negated length of the delimiter that ends. The initial state's row is 0.
   */
  private final int[] next;

  /** The first byte of each delimiter, repeated eight times. */
  private final long[] firstBytes;

  private Delimiters(Delimiters other, boolean kept, int maxFrameBytes) {
    this.sequences = other.sequences;
    this.columns = other.columns;
    this.width = other.width;
    this.next = other.next;
    this.firstBytes = other.firstBytes;
    this.kept = kept;
    this.maxFrameBytes = maxFrameBytes;
  }

  private Delimiters(byte[][] sequences) {
    this.sequences = sequences;
    this.columns = new short[256];
    this.width = 1 + countColumns();
    this.next = new int[width * (1 + Arrays.stream(sequences).mapToInt(s -> s.length).sum())];
    this.firstBytes =
        Arrays.stream(sequences).mapToLong(s -> (s[0] & 0xff) * ONES).distinct().toArray();
    this.kept = false;
    this.maxFrameBytes = Integer.MAX_VALUE;
    addFallbacks(addPrefixes());
  }

  /**
   * Returns delimiters of any bytes. The first one is appended to outbound messages.
   *
   * @throws IllegalArgumentException if there is no delimiter, if one is empty, if they have more
   *     than 1024 bytes in total, or if one occurs within another before its end, because the
   *     longer could never be found: {@code \r\n} and {@code \n} is allowed, {@code \n} and {@code
   *     \n\n} is not
   */
  public static Delimiters of(byte[]... sequences) {
    byte[][] copies = new byte[sequences.length][];
    int bytes = 0;
    for (int i = 0; i < sequences.length; i++) {
      copies[i] = sequences[i].clone();
      if (copies[i].length == 0) {
        throw new IllegalArgumentException("delimiter " + (i + 1) + ": 0 bytes (expected: >= 1)");
      }
      bytes += Math.min(copies[i].length, MAX_BYTES + 1);
      if (bytes > MAX_BYTES) {
        throw new IllegalArgumentException(
            "delimiters: more than " + MAX_BYTES + " bytes (expected: <= " + MAX_BYTES + ")");
      }
    }
    if (bytes == 0) {
      throw new IllegalArgumentException("delimiters: 0 (expected: >= 1)");
    }
    checkNoneContainsAnother(copies);
    return new Delimiters(copies);
  }

  private static void checkNoneContainsAnother(byte[][] sequences) {
    for (int i = 0; i < sequences.length; i++) {
      for (int j = 0; j < sequences.length; j++) {
        String inner = new String(sequences[i], ISO_8859_1);
        String outer = new String(sequences[j], ISO_8859_1);
        int index = outer.indexOf(inner);
        if (index >= 0 && index + inner.length() < outer.length()) {
          throw new IllegalArgumentException(
              "delimiter %d: occurs within delimiter %d (expected: only at its end)"
                  .formatted(i + 1, j + 1));
        }
      }
    }
  }

  /** Returns a copy with which delimiters are kept in the messages. */
  public Delimiters kept() {
    return new Delimiters(this, /* kept= */ true, maxFrameBytes);
  }

  /**
   * Returns a copy with a maximum frame length in bytes, including the delimiter. The server's
   * limit applies if it is lower.
   *
   * @throws IllegalArgumentException if {@code bytes} is less than the length of the longest
   *     delimiter
   */
  public Delimiters maxFrameBytes(int bytes) {
    int longest = Arrays.stream(sequences).mapToInt(s -> s.length).max().getAsInt();
    if (bytes < longest) {
      throw new IllegalArgumentException(
          "maxFrameBytes: " + bytes + " bytes (expected: >= " + longest + ")");
    }
    return new Delimiters(this, kept, bytes);
  }

  byte[] first() {
    return sequences[0];
  }

  boolean areKept() {
    return kept;
  }

  int maxFrameBytes() {
    return maxFrameBytes;
  }

  // Construction of the table.

  private int countColumns() {
    short count = 0;
    for (byte[] sequence : sequences) {
      for (byte b : sequence) {
        if (columns[b & 0xff] == 0) {
          count++;
          columns[b & 0xff] = count;
        }
      }
    }
    return count;
  }

  /** Adds a row for each proper prefix of a delimiter; returns the index after the last row. */
  private int addPrefixes() {
    int end = width;
    for (byte[] sequence : sequences) {
      int row = 0;
      for (int i = 0; i < sequence.length - 1; i++) {
        int cell = row + columns[sequence[i] & 0xff];
        if (next[cell] == 0) {
          next[cell] = end;
          end += width;
        }
        row = next[cell];
      }
      next[row + columns[sequence[sequence.length - 1] & 0xff]] = -sequence.length;
    }
    return end;
  }

  /**
   * Fills in the transitions that are missing. A byte that does not continue the prefix of a row
   * leads where it would lead from the row's fallback, the row of the longest proper suffix that is
   * a prefix as well.
   */
  private void addFallbacks(int end) {
    int[] fallbacks = new int[end];
    ArrayDeque<Integer> rows = new ArrayDeque<>();
    for (int column = 0; column < width; column++) {
      if (next[column] > 0) {
        rows.add(next[column]);
      }
    }
    for (Integer row; (row = rows.poll()) != null; ) {
      for (int column = 0; column < width; column++) {
        int fallback = next[fallbacks[row] + column];
        if (next[row + column] == 0) {
          next[row + column] = fallback;
        } else if (next[row + column] > 0) {
          fallbacks[next[row + column]] = fallback;
          rows.add(next[row + column]);
        }
      }
    }
  }

  /** A search that continues where it stopped. */
  static final class Search {

    private final Delimiters delimiters;
    private int row;
    private int foundBytes;

    Search(Delimiters delimiters) {
      this.delimiters = delimiters;
    }

    /**
     * Searches the bytes between two indices, which follow the bytes searched before.
     *
     * @return the index after the delimiter that ends first, or -1 if none ends
     */
    int find(ByteBuf in, int from, int to) {
      int[] next = delimiters.next;
      short[] columns = delimiters.columns;
      int state = row;
      for (int i = from; i < to; i++) {
        if (state == 0) {
          i = delimiters.skip(in, i, to);
          if (i == to) {
            break;
          }
        }
        state = next[state + columns[in.getByte(i) & 0xff]];
        if (state < 0) {
          foundBytes = -state;
          row = 0;
          return i + 1;
        }
      }
      row = state;
      return -1;
    }

    /** Returns the length of the delimiter that was found. */
    int foundBytes() {
      return foundBytes;
    }

    /** Returns to the initial state. */
    void restart() {
      row = 0;
    }
  }

  /** Returns the index before which no delimiter begins, at most {@code to}. */
  private int skip(ByteBuf in, int from, int to) {
    if (firstBytes.length == 1) {
      int index = ByteSearch.indexOf(in, from, to, (byte) firstBytes[0]);
      return index < 0 ? to : index;
    }
    int i = from;
    for (; i <= to - Long.BYTES; i += Long.BYTES) {
      long word = in.getLong(i);
      long hits = 0;
      for (long firstByte : firstBytes) {
        hits |= zeroBytes(word ^ firstByte);
      }
      if (hits != 0) {
        return i + (Long.numberOfLeadingZeros(hits) >>> 3);
      }
    }
    return i;
  }

  /** Returns a word with the highest bit of each byte that is zero. */
  private static long zeroBytes(long word) {
    return ~((word & LOW_BITS) + LOW_BITS | word | LOW_BITS);
  }
}
