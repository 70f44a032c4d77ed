package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Sends while Netty's memory is used up, in a process of their own. */
@Timeout(60)
class OutOfDirectMemoryTest {

  private static final int LONG = 8_000_000; // more than a socket takes

  /** Buffers after their length, with the content as a zero-copy tail. */
  private record Tails(boolean reportsUndo) implements Protocol<ByteBuf, ByteBuf> {
    @Override
    public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
      return null;
    }

    @Override
    public void pack(ByteBuf message, ByteBuf out) {
      out.writeInt(message.readableBytes());
    }

    @Override
    public ByteBuf zeroCopyTail(ByteBuf message) {
      return message;
    }

    @Override
    public void undoPack() {
      if (reportsUndo) {
        System.out.println("undone");
      }
    }
  }

  /** Prints the lengths of the texts that a slow peer gets. */
  public static void main(String[] args) throws Exception {
    Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
    try (Server server =
            Server.builder(() -> new Tails(/* reportsUndo= */ false), recorder)
                .listen("127.0.0.1:0")
                .eventLoops(1)
                .maxPendingBytes(2 * LONG)
                .start();
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
      Connection<ByteBuf> connection = recorder.connection();
      CountDownLatch sent = new CountDownLatch(2);
      connection.execute(
          () -> {
            connection.send(bytes(LONG));
            sent.countDown();
          });
      connection.execute(
          () -> {
            connection.send(bytes(20_000)); // packed, and copied when the next one is written
            sendWithoutMemory(connection);
            connection.send(bytes(3));
            sent.countDown();
          });
      sent.await();
      for (int i = 0; i < 3; i++) {
        System.out.println(peer.receive().length());
      }
    }
  }

  private static void sendWithoutMemory(Connection<ByteBuf> connection) {
    sendWithoutMemory(connection, bytes(40_000));
  }

  private static void sendWithoutMemory(Connection<ByteBuf> connection, ByteBuf message) {
    List<ByteBuf> all = new ArrayList<>();
    try {
      while (true) {
        all.add(Loop.ALLOCATOR.directBuffer(16 * 1024));
      }
    } catch (OutOfMemoryError e) { // intended
    }
    try {
      connection.send(message);
      System.out.println("sent");
    } catch (OutOfMemoryError e) { // intended
    }
    all.forEach(ByteBuf::release);
  }

  /** Prints what becomes of a message for which there is no pack buffer. */
  public static final class NoPackBuffer {
    public static void main(String[] args) throws Exception {
      Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
      Supplier<Protocol<ByteBuf, ByteBuf>> protocols = () -> new Tails(/* reportsUndo= */ true);
      try (Server server =
              Server.builder(protocols, recorder).listen("127.0.0.1:0").eventLoops(1).start();
          RawPeer peer = RawPeer.connect(server)) {
        Connection<ByteBuf> connection = recorder.connection();
        ByteBuf message = bytes(1);
        CountDownLatch sent = new CountDownLatch(1);
        connection.execute(
            () -> {
              sendWithoutMemory(connection, message);
              System.out.println("references " + message.refCnt());
              connection.send(bytes(3));
              sent.countDown();
            });
        sent.await();
        System.out.println(peer.receive().length());
      }
    }
  }

  private static ByteBuf bytes(int length) {
    return Unpooled.wrappedBuffer(new byte[length]);
  }

  @Test
  void messageWhoseTailCannotBeWrittenLeavesNoByteBehind() throws Exception {
    assertThat(linesOf(OutOfDirectMemoryTest.class)).containsExactly("" + LONG, "20000", "3");
  }

  @Test
  void messageWithoutAPackBufferIsReleasedAndNotUndone() throws Exception {
    assertThat(linesOf(NoPackBuffer.class)).containsExactly("references 0", "3");
  }

  private static List<String> linesOf(Class<?> main) throws Exception {
    String netty = "-Dio.netty.maxDirectMemory=50000000";
    String jdk = "-XX:MaxDirectMemorySize=60000000"; // older versions of Netty leave it to the JDK
    try (Program program = Program.java(netty, jdk, "-cp", Program.classPath(), main.getName())) {
      assertThat(program.exitStatus()).as(() -> program.errors().toString()).isZero();
      return program.output();
    }
  }
}
