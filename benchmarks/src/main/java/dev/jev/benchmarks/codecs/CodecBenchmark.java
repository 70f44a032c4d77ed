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
 * What a codec alone costs, per message.
 *
 * <p>{@link CodecsCommand} runs it and prints a table. Each combination has a process of its own,
 * so that the JVM sees one codec, as in most servers.
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

  /** How many messages one invocation moves. */
  static final int MESSAGES = 16;

  /** Whose codec. */
  public enum Side {
    /** A protocol of {@code dev.jev.codec}. */
    JEV,

    /** A pipeline. */
    NETTY
  }

  /** The codec. */
  @Param public Codec codec;

  /** How long the payload of a message is. */
  @Param({"64", "4096"})
  public int bytes;

  /** Whose. */
  @Param public Side side;

  /** How many messages one read brings and one flush writes: a divisor of 16. */
  @Param("16")
  public int batch;

  private CodecDriver connection;
  private ByteBuf read;
  private Consumer<Object> use;

  /** JMH makes one for each thread, and sets what it does. */
  @SuppressWarnings("NullAway.Init")
  public CodecBenchmark() {}

  /** Opens the connection. */
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

  /** From bytes to messages. */
  @Benchmark
  @OperationsPerInvocation(MESSAGES)
  public void unpack() {
    for (int i = 0; i < MESSAGES; i += batch) {
      connection.read(read.retain().readerIndex(0), use);
    }
  }

  /** From messages to bytes. */
  @Benchmark
  @OperationsPerInvocation(MESSAGES)
  public void pack() {
    for (int i = 0; i < MESSAGES; i += batch) {
      connection.send(batch, use);
    }
  }

  /** Gives the buffers back. */
  @TearDown
  public void close() {
    connection.close();
    read.release();
  }
}
