package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes values and commands in RESP. Called for every message: must not allocate for RESP2. */
final class RespWriter {

  private static final int CRLF = '\r' << 8 | '\n';
  private static final int CRLF_BYTES = 2;

  private static final byte[] OK = "+OK\r\n".getBytes(US_ASCII);
  private static final byte[] PONG = "+PONG\r\n".getBytes(US_ASCII);
  private static final byte[] NULL_BULK = "$-1\r\n".getBytes(US_ASCII);
  private static final byte[] NULL_ARRAY = "*-1\r\n".getBytes(US_ASCII);
  private static final byte[] NULL = "_\r\n".getBytes(US_ASCII);
  private static final byte[] TRUE = "#t\r\n".getBytes(US_ASCII);
  private static final byte[] FALSE = "#f\r\n".getBytes(US_ASCII);

  private RespWriter() {}

  static void write(RespValue value, ByteBuf out) {
    if (value instanceof RespValue.Bulk bulk) {
      writeBulk(bulk.bytes(), out);
    } else if (value == RespValue.OK) {
      out.writeBytes(OK);
    } else if (value == RespValue.PONG) {
      out.writeBytes(PONG);
    } else if (value instanceof RespValue.Int64 number) {
      writeNumber(':', number.value(), out);
    } else if (value instanceof RespValue.SimpleString line) {
      writeLine('+', line.text(), out);
    } else if (value instanceof RespValue.SimpleError error) {
      writeLine('-', error.text(), out);
    } else if (value instanceof RespValue.Array array) {
      writeArray(array.values(), out);
    } else {
      writeResp3(value, out);
    }
  }

  /** Writes a command as an array of bulk strings. */
  static void write(RespCommand command, ByteBuf out) {
    writeNumber('*', command.size(), out);
    for (int i = 0; i < command.size(); i++) {
      writeBytes('$', command.sharedArgument(i), out);
    }
  }

  private static void writeResp3(RespValue value, ByteBuf out) {
    if (value instanceof RespValue.Null) {
      out.writeBytes(NULL);
    } else if (value instanceof RespValue.Bool bool) {
      out.writeBytes(bool.value() ? TRUE : FALSE);
    } else if (value instanceof RespValue.Float64 number) {
      writeLine(',', number.text(), out);
    } else if (value instanceof RespValue.BigNumber number) {
      writeLine('(', number.value().toString(), out);
    } else if (value instanceof RespValue.BulkError error) {
      writeBytes('!', error.text().getBytes(UTF_8), out);
    } else if (value instanceof RespValue.Verbatim verbatim) {
      writeVerbatim(verbatim, out);
    } else if (value instanceof RespValue.Map map) {
      writePairs('%', map, out);
    } else if (value instanceof RespValue.Set set) {
      writeValues('~', set.values(), out);
    } else if (value instanceof RespValue.Push push) {
      writeValues('>', push.values(), out);
    } else {
      RespValue.Attributed attributed = (RespValue.Attributed) value;
      writePairs('|', attributed.attributes(), out);
      write(attributed.value(), out);
    }
  }

  private static void writeBulk(byte @Nullable [] bytes, ByteBuf out) {
    if (bytes == null) {
      out.writeBytes(NULL_BULK);
    } else {
      writeBytes('$', bytes, out);
    }
  }

  private static void writeBytes(char kind, byte[] bytes, ByteBuf out) {
    writeNumber(kind, bytes.length, out);
    out.writeBytes(bytes);
    out.writeShort(CRLF);
  }

  private static void writeVerbatim(RespValue.Verbatim verbatim, ByteBuf out) {
    String head = verbatim.format() + ':';
    writeNumber('=', head.length() + (long) verbatim.bytes().length, out);
    ByteBufUtil.writeAscii(out, head);
    out.writeBytes(verbatim.bytes());
    out.writeShort(CRLF);
  }

  private static void writeArray(@Nullable List<RespValue> values, ByteBuf out) {
    if (values == null) {
      out.writeBytes(NULL_ARRAY);
    } else {
      writeValues('*', values, out);
    }
  }

  private static void writeValues(char kind, List<RespValue> values, ByteBuf out) {
    writeNumber(kind, values.size(), out);
    for (int i = 0; i < values.size(); i++) {
      write(values.get(i), out);
    }
  }

  private static void writePairs(char kind, RespValue.Map map, ByteBuf out) {
    writeNumber(kind, map.size(), out);
    for (int i = 0; i < map.keysAndValues().size(); i++) {
      write(map.keysAndValues().get(i), out);
    }
  }

  private static void writeLine(char kind, String text, ByteBuf out) {
    out.writeByte(kind);
    ByteBufUtil.writeUtf8(out, text);
    out.writeShort(CRLF);
  }

  private static void writeNumber(char kind, long number, ByteBuf out) {
    if (number >= 0 && number <= 9) {
      out.writeInt(kind << 24 | ('0' + (int) number) << 16 | CRLF);
      return;
    }
    // Computes with negative numbers, because Long.MIN_VALUE has no positive counterpart.
    long rest = number < 0 ? number : -number;
    int digits = 1;
    for (long limit = rest; limit <= -10; limit /= 10) {
      digits++;
    }
    int length = digits + (number < 0 ? 2 : 1);
    out.ensureWritable(length + CRLF_BYTES);
    int start = out.writerIndex();
    out.setByte(start, kind);
    if (number < 0) {
      out.setByte(start + 1, '-');
    }
    for (int i = start + length - 1; digits > 0; i--, digits--) {
      out.setByte(i, '0' - (int) (rest % 10));
      rest /= 10;
    }
    out.setShort(start + length, CRLF);
    out.writerIndex(start + length + CRLF_BYTES);
  }
}
