package dev.jev.test;

import static io.netty.buffer.Unpooled.wrappedBuffer;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Eventually;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.Server;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The loop calls a protocol exactly as a server does, whatever the protocol asks for. */
@Timeout(120)
class UnpackLoopEquivalenceTest {

  private static final String COMMANDS = "mmmnrRpPcxfuUwwgtTqy.";
  private static final int MAX_FRAME_BYTES = 12;

  private volatile Collection<String> currentLog = List.of(); // of the server's connection

  /** A protocol whose bytes are commands, and which records its calls. */
  private static final class Commanded implements Protocol<String, String> {

    private final Collection<String> log;
    private int pending;
    private boolean awaits;
    private boolean closed;

    Commanded(Collection<String> log) {
      this.log = log;
    }

    private static void write(ProtocolContext context, String text) {
      context.write(wrappedBuffer(text.getBytes(US_ASCII)));
    }

    @Override
    public void open(ProtocolContext context) {
      log.add("open");
    }

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      log.add("unpack of " + in.readableBytes() + ", ready: " + context.isReady());
      if (pending > 0) {
        pending--;
        return "pending";
      }
      char command = (char) in.readByte();
      switch (command) {
        case 'n' -> {
          return null;
        }
        case 'r' -> {
          context.ready();
          return null;
        }
        case 'R' -> context.ready();
        case 'p' -> {
          pending += 2;
          return null;
        }
        case 'P' -> pending += 2;
        case 'c' -> context.close();
        case 'x' -> throw new ProtocolException("x");
        case 'f' -> throw new IllegalStateException("f");
        case 'u' -> in.readerIndex(in.readerIndex() - 1);
        case 'U' -> {
          in.readerIndex(in.readerIndex() - 1);
          return null;
        }
        case 'w' -> write(context, "w");
        case 'g' -> awaits = true;
        case 't', 'T', 'q', 'y' -> context.runAfter(Duration.ZERO, () -> run(context, command));
        default -> {
          return "" + command;
        }
      }
      return "" + command;
    }

    private void run(ProtocolContext context, char command) {
      if (!closed) { // after the close a timer races with the end of the connection
        log.add("timer " + command);
      }
      write(context, "t");
      switch (command) {
        case 'T' -> throw new ProtocolException("T");
        case 'q' -> pending += 2;
        case 'y' -> {
          context.ready();
          context.close();
        }
        default -> {}
      }
    }

    @Override
    public int pendingMessages() {
      return pending;
    }

    @Override
    public void pack(String message, ByteBuf out) {}

    @Override
    public void close(ProtocolContext context, CloseReason reason) {
      log.add("close " + reason);
      closed = true;
      write(context, "e");
    }

    @Override
    public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
      log.add("awaitPeerClose of " + in.readableBytes());
      write(context, "a");
      boolean stop = in.bytesBefore((byte) '.') >= 0;
      in.skipBytes(in.readableBytes() / 2);
      return stop || !awaits;
    }
  }

  /** The calls of a protocol, and the bytes that it wrote before its peer closed and in total. */
  private record Course(List<String> calls, int writtenBefore, String written) {}

  private static Course inLoop(byte[] input) {
    List<String> log = new ArrayList<>();
    TestContext context = new TestContext().maxFrameBytes(MAX_FRAME_BYTES);
    var loop =
        new UnpackLoop<>(new Commanded(log), context, message -> log.add("message " + message));
    loop.open().read(input);
    context.clock().advance(Duration.ZERO);
    int before = context.written().size();
    loop.close(CloseReason.of(CloseReason.Kind.PEER_CLOSED));
    return new Course(log, before, new String(context.takeWritten(), US_ASCII));
  }

  private Course onServer(Server server, byte[] input, int before) throws Exception {
    Collection<String> log = new ConcurrentLinkedQueue<>();
    currentLog = log;
    String written;
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write(input);
      byte[] first = peer.read(before);
      peer.shutdownOutput();
      written = new String(first, US_ASCII) + new String(peer.readAll(), US_ASCII);
    }
    Eventually.holds("end of the connection", () -> server.connectionCount() == 0);
    return new Course(List.copyOf(log), before, written);
  }

  @Test
  void courseOfAConnectionIsTheSame() throws Exception {
    Random random = new Random(1);
    try (Server server =
        Server.builder(
                () -> new Commanded(currentLog),
                (connection, message) -> currentLog.add("message " + message))
            .listen("tcp://127.0.0.1:0")
            .maxFrameBytes(MAX_FRAME_BYTES)
            .eventLoops(1)
            .start()) {
      for (int round = 0; round < 500; round++) {
        byte[] input = commands(random);
        Course expected = onServer(server, input, inLoop(input).writtenBefore());
        assertThat(inLoop(input)).as(new String(input, US_ASCII)).isEqualTo(expected);
      }
    }
  }

  private static byte[] commands(Random random) {
    byte[] commands = new byte[1 + random.nextInt(2 * MAX_FRAME_BYTES)];
    for (int i = 0; i < commands.length; i++) {
      commands[i] = (byte) COMMANDS.charAt(random.nextInt(COMMANDS.length()));
    }
    if (random.nextInt(8) != 0) {
      commands[0] = 'r';
    }
    return commands;
  }
}
