package dev.jev.benchmarks.codecs;

import io.netty.buffer.ByteBuf;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.Blackhole;

/**
 * The cost of a codec alone, per message.
 *
 * <p>{@link CodecsCommand} runs it and prints a table. Each combination runs in a process of its
 * own, so that the JVM sees one codec, as in most servers.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "-Xms512m",
      "-Xmx512m",
      "-XX:+UseSerialGC",
      "-Dio.netty.leakDetection.level=disabled",
      "-Djmh.executor=CUSTOM",
      "-Djmh.executor.class=dev.jev.benchmarks.codecs.EventLoopThreads"
    })
public class CodecBenchmark {

  /** Number of messages per invocation. */
  static final int MESSAGES = 16;

  /** The implementation of a codec. */
  public enum Side {
    /** A protocol of {@code dev.jev.codec}. */
    JEV,

    /** A pipeline of Netty's handlers. */
    NETTY
  }

  /** The codec. */
  @Param public Codec codec;

  /** Payload size of a message, in bytes. */
  @Param({"64", "4096"})
  public int bytes;

  /** The implementation. */
  @Param public Side side;

  /** Number of messages per read and per flush: a divisor of 16. */
  @Param("16")
  public int batch;

  private CodecDriver connection;
  private ByteBuf read;
  private Consumer<Object> use;

  /** Creates an instance. JMH creates one per thread and sets its parameters. */
  @SuppressWarnings("NullAway.Init")
  public CodecBenchmark() {}

  /** Creates the codec and its input. */
  @Setup
  public void open(Blackhole blackhole) {
    if (codec == Codec.BYTES) {
      batch = 1; // a read is a message
    }
    connection = side == Side.JEV ? codec.jev(bytes) : codec.netty(bytes);
    read = codec.frames(bytes, batch);
    use = message -> use(message, blackhole);
  }

  private static void use(Object message, Blackhole blackhole) {
    blackhole.consume(message);
    if (message instanceof ByteBuf buffer) {
      blackhole.consume(buffer.getByte(buffer.readerIndex()));
    }
  }

  /** Unpacks messages. */
  @Benchmark
  @OperationsPerInvocation(MESSAGES)
  public void unpack() {
    for (int i = 0; i < MESSAGES; i += batch) {
      connection.read(read.retain().readerIndex(0), use);
    }
  }

  /** Packs messages. */
  @Benchmark
  @OperationsPerInvocation(MESSAGES)
  public void pack() {
    for (int i = 0; i < MESSAGES; i += batch) {
      connection.send(batch, use);
    }
  }

  /** Releases the buffers. */
  @TearDown
  public void close() {
    connection.close();
    read.release();
  }
}
