package dev.jev.codec;

import java.util.List;

/** The sizes of values and commands of RESP: their content, and an estimate for each object. */
final class RespSize {

  private static final int OBJECT_BYTES = 32;

  private RespSize() {}

  /** Returns the size of the arguments of a command. */
  static long of(byte[][] arguments) {
    long size = 0;
    for (byte[] argument : arguments) {
      size += OBJECT_BYTES + argument.length;
    }
    return size;
  }

  /** Returns the size of a value with all values in it. */
  static long of(RespValue value) {
    return OBJECT_BYTES + contentOf(value);
  }

  private static long contentOf(RespValue value) {
    if (value instanceof RespValue.Bulk bulk) {
      return bulk.bytes() == null ? 0 : bulk.bytes().length;
    } else if (value instanceof RespValue.SimpleString line) {
      return line.text().length();
    } else if (value instanceof RespValue.SimpleError line) {
      return line.text().length();
    } else if (value instanceof RespValue.BulkError error) {
      return error.text().length();
    } else if (value instanceof RespValue.Verbatim verbatim) {
      return verbatim.bytes().length;
    } else if (value instanceof RespValue.BigNumber number) {
      return number.value().bitLength() / Byte.SIZE;
    } else if (value instanceof RespValue.Array array) {
      return array.values() == null ? 0 : of(array.values());
    } else if (value instanceof RespValue.Map map) {
      return of(map.keysAndValues());
    } else if (value instanceof RespValue.Set set) {
      return of(set.values());
    } else if (value instanceof RespValue.Push push) {
      return of(push.values());
    } else if (value instanceof RespValue.Attributed attributed) {
      return of(attributed.attributes()) + of(attributed.value());
    }
    return 0;
  }

  private static long of(List<RespValue> values) {
    long size = 0;
    for (int i = 0; i < values.size(); i++) {
      size += of(values.get(i));
    }
    return size;
  }
}
