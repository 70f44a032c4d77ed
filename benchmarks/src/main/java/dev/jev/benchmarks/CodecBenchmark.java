package dev.jev.benchmarks;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.Protocol;
import dev.jev.Wire;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What a codec alone costs: unpack one frame and pack one reply.
 *
 * <p>To be run with {@code java -cp benchmarks/target/benchmarks.jar org.openjdk.jmh.Main -prof
 * gc}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CodecBenchmark {

  private static final int MAX_FRAME_BYTES = 1 << 20;

  private final Wire wire = new SilentWire();
  private final Protocol<ByteBuf, ByteBuf> prefixed = Protocols.lengthPrefixed();
  private final Protocol<RespCommand, RespValue> resp = Protocols.resp();
  private final RespValue reply = RespValue.bulk("xxx");
  private final ByteBuf frame =
      PooledByteBufAllocator.DEFAULT.directBuffer().writeInt(64).writeZero(64);
  private final ByteBuf get =
      PooledByteBufAllocator.DEFAULT
          .directBuffer()
          .writeBytes("*2\r\n$3\r\nGET\r\n$16\r\nkey:__rand_int__\r\n".getBytes(US_ASCII));
  private final ByteBuf out = PooledByteBufAllocator.DEFAULT.directBuffer(1024);

  /** JMH makes one for each thread. */
  public CodecBenchmark() {}

  /** A frame of 64 bytes in, the same out. */
  @Benchmark
  public int lengthPrefixed() {
    ByteBuf message = unpack(prefixed, frame);
    prefixed.pack(message, out.clear());
    message.release();
    return out.readableBytes();
  }

  /** A GET in, a short string out. */
  @Benchmark
  public int respGet() {
    RespCommand command = unpack(resp, get);
    resp.pack(reply, out.clear());
    return command.size() + out.readableBytes();
  }

  private <I> I unpack(Protocol<I, ?> protocol, ByteBuf in) {
    I message = protocol.unpack(wire, in.readerIndex(0));
    if (message == null) {
      throw new IllegalStateException("message: null (expected: one whole message)");
    }
    return message;
  }

  /** Gives the buffers back. */
  @TearDown
  public void release() {
    frame.release();
    get.release();
    out.release();
  }

  private static final class SilentWire implements Wire {

    @Override
    public void ready() {}

    @Override
    public boolean isReady() {
      return true;
    }

    @Override
    public void write(ByteBuf bytes) {
      bytes.release();
    }

    @Override
    public void close() {}

    @Override
    public int maxFrameBytes() {
      return MAX_FRAME_BYTES;
    }
  }
}
