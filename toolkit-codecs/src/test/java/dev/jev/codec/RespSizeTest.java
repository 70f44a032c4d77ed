package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Tests the sizes that values of RESP count as while they are pending. */
class RespSizeTest {

  private static final int OBJECT = 32;
  private static final RespValue.Bulk HELLO = new RespValue.Bulk("hello".getBytes(US_ASCII));

  private static void expect(RespValue value, int size) {
    assertThat(value.sizeBytes()).as("%s", value).isEqualTo(size);
  }

  @Test
  void contentCounts() {
    expect(HELLO, OBJECT + 5);
    expect(RespValue.NULL_BULK, OBJECT);
    expect(new RespValue.SimpleString("abc"), OBJECT + 3);
    expect(new RespValue.SimpleError("ERR"), OBJECT + 3);
    expect(new RespValue.BulkError("ERR a"), OBJECT + 5);
    expect(new RespValue.Verbatim("txt", new byte[7]), OBJECT + 7);
    expect(new RespValue.BigNumber(BigInteger.ONE.shiftLeft(800)), OBJECT + 100);
    expect(new RespValue.Int64(5), OBJECT);
    expect(new RespValue.Float64(5), OBJECT);
    expect(new RespValue.Bool(true), OBJECT);
    expect(new RespValue.Null(), OBJECT);
  }

  @Test
  void valuesInAggregatesCount() {
    List<RespValue> two = List.of(HELLO, HELLO);
    int size = OBJECT + 2 * (OBJECT + 5);
    expect(new RespValue.Array(two), size);
    expect(RespValue.NULL_ARRAY, OBJECT);
    expect(new RespValue.Set(two), size);
    expect(new RespValue.Push(two), size);
    RespValue.Map map = new RespValue.Map(two);
    expect(map, size);
    expect(new RespValue.Attributed(map, HELLO), OBJECT + size + OBJECT + 5);
  }
}
