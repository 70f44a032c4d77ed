package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A protocol that writes a frame in several calls, while plugins send whenever they are called. */
@Timeout(60)
class FrameInPartsTest {

  private static final int FRAME = 1; // the content of a frame of the protocol
  private static final int NOTE = 3; // the content of a message of a plugin
  private static final int TORN = -1; // the content of a frame with foreign bytes in it

  /** The call in which the protocol writes. */
  private enum Moment {
    OPEN,
    UNPACK,
    TASK,
    WHEEL,
    PACK,
    CLOSE
  }

  /** The length of each part of a frame, and the number of the parts. */
  private enum Parts {
    SHORT(3_000, 100),
    LONG(5_000, 20),
    LONGER(50_000, 5);

    private final int length;
    private final int count;

    Parts(int length, int count) {
      this.length = length;
      this.count = count;
    }
  }

  private final Queue<String> calledInside = new ConcurrentLinkedQueue<>();

  static Stream<Arguments> moments() {
    return Available.transports()
        .flatMap(
            transport ->
                Stream.of(Moment.values())
                    .flatMap(
                        moment ->
                            Stream.of(Parts.values())
                                .map(parts -> arguments(transport, moment, parts))));
  }

  @ParameterizedTest
  @MethodSource("moments")
  void pluginsAreNotCalledInTheMiddleOfAFrame(Transport transport, Moment moment, Parts parts)
      throws Exception {
    expectWholeFrames(transport, moment, parts, /* handlers= */ false);
  }

  @ParameterizedTest
  @MethodSource("moments")
  void handlersOfPluginsAreNotCalledInTheMiddleOfAFrame(
      Transport transport, Moment moment, Parts parts) throws Exception {
    expectWholeFrames(transport, moment, parts, /* handlers= */ true);
  }

  private void expectWholeFrames(Transport transport, Moment moment, Parts parts, boolean handlers)
      throws Exception {
    Wires wires = new Wires(moment, parts);
    Handler<ByteBuf, ByteBuf> handler =
        (connection, message) -> {
          if (moment == Moment.PACK || moment == Moment.CLOSE) {
            connection.send(bytes(10, NOTE));
          }
          if (moment == Moment.CLOSE) {
            connection.close();
          }
        };
    try (Server server =
            Server.builder(wires::next, handler)
                .transport(transport)
                .plugin(new Sending(wires, handlers))
                .writeWatermarks(1, 10_000)
                .eventLoops(1)
                .listen("tcp://127.0.0.1:0")
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("go");
      List<Integer> frames = frames(peer.readAll());
      assertThat(frames).containsOnlyOnce(FRAME).contains(NOTE).doesNotContain(TORN);
    }
    assertThat(calledInside).isEmpty();
  }

  /** Returns the content of each frame, all of whose bytes should be the same. */
  private static List<Integer> frames(byte[] all) throws IOException {
    List<Integer> contents = new ArrayList<>();
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(all));
    while (in.available() > 0) {
      byte[] frame = in.readNBytes(in.readInt());
      boolean whole = IntStream.range(0, frame.length).allMatch(i -> frame[i] == frame[0]);
      contents.add(whole ? (int) frame[0] : TORN);
    }
    return contents;
  }

  private static ByteBuf bytes(int length, int content) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) content);
    return PooledByteBufAllocator.DEFAULT.directBuffer().writeBytes(bytes);
  }

  /** Creates protocols; holds the state of the one that is used. */
  private static final class Wires {

    private final Moment moment;
    private final Parts parts;
    private boolean inside; // the protocol writes a frame
    private @Nullable ProtocolContext context;

    Wires(Moment moment, Parts parts) {
      this.moment = moment;
      this.parts = parts;
    }

    Protocol<ByteBuf, ByteBuf> next() {
      return new Wire(this);
    }

    void write(ProtocolContext context) {
      inside = true;
      context.write(
          PooledByteBufAllocator.DEFAULT.directBuffer().writeInt(parts.length * parts.count));
      for (int i = 0; i < parts.count; i++) {
        context.write(bytes(parts.length, FRAME));
      }
      inside = false;
      context.close();
    }
  }

  private static final class Wire implements Protocol<ByteBuf, ByteBuf> {

    private final Buffers buffers = new Buffers();
    private final Wires wires;

    Wire(Wires wires) {
      this.wires = wires;
    }

    private void write(Moment moment, ProtocolContext context) {
      if (wires.moment == moment) {
        wires.write(context);
      }
    }

    @Override
    public void open(ProtocolContext context) {
      wires.context = context;
      context.ready();
      write(Moment.OPEN, context);
    }

    @Override
    public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
      ByteBuf message = buffers.unpack(context, in);
      if (message != null) {
        write(Moment.UNPACK, context);
        if (wires.moment == Moment.TASK) {
          context.runAfter(Duration.ZERO, () -> write(Moment.TASK, context));
        } else if (wires.moment == Moment.WHEEL) {
          DeadlineWheel wheel = context.deadlineWheel(Duration.ofMillis(10));
          wheel.schedule(new Expiring(() -> write(Moment.WHEEL, context)));
        }
      }
      return message;
    }

    @Override
    public void pack(ByteBuf message, ByteBuf out) {
      if (wires.context != null && wires.moment == Moment.PACK) {
        ProtocolContext context = wires.context;
        wires.context = null;
        write(Moment.PACK, context);
      }
      buffers.pack(message, out);
    }

    @Override
    public ByteBuf zeroCopyTail(ByteBuf message) {
      return message;
    }

    @Override
    public void close(ProtocolContext context, CloseReason reason) {
      write(Moment.CLOSE, context);
    }
  }

  private static final class Expiring extends DeadlineWheel.Entry {

    private final Runnable task;

    Expiring(Runnable task) {
      this.task = task;
    }

    @Override
    protected long deadline(long now) {
      return now;
    }

    @Override
    protected void expire() {
      task.run();
    }
  }

  /** Sends a message in each of the first calls. */
  private final class Sending implements Plugin {

    private final Wires wires;
    private final boolean handlers;
    private int sent;

    Sending(Wires wires, boolean handlers) {
      this.wires = wires;
      this.handlers = handlers;
    }

    @Override
    public Observer install(Link link) {
      Consumer<String> use = call -> use(link, call);
      if (handlers) {
        link.pipeline().addLast(new Writer(use));
      }
      return new Observer() {
        @Override
        public void connected() {
          use.accept("connected");
        }

        @Override
        public void sent() {
          use.accept("sent");
        }

        @Override
        public void stalled() {
          use.accept("stalled");
        }

        @Override
        public void resumed() {
          use.accept("resumed");
        }

        @Override
        public void flushing(int bytes) {
          use.accept("flushing");
        }

        @Override
        public void written() {
          use.accept("written");
        }
      };
    }

    @SuppressWarnings("unchecked") // the only type of messages here
    private void use(Plugin.Link link, String call) {
      if (wires.inside) {
        calledInside.add(call);
      }
      if (sent++ < 10) {
        ((Connection<ByteBuf>) link.connection()).send(bytes(5_000, NOTE));
      }
    }
  }

  private static final class Writer extends ChannelDuplexHandler {

    private final Consumer<String> use;

    Writer(Consumer<String> use) {
      this.use = use;
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
      use.accept("write");
      ctx.write(message, promise);
    }

    @Override
    public void flush(ChannelHandlerContext ctx) {
      use.accept("flush");
      ctx.flush();
    }
  }
}
