package dev.jev.benchmarks.capacity;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.Polling;
import dev.jev.benchmarks.shared.WebSocketFrames;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import java.net.SocketAddress;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Clients of topics over WebSocket, on one event loop. Each sends one command when it is connected.
 * Independent of the implementation that is measured, and small: there may be a million of them.
 */
final class TopicClients implements AutoCloseable {

  private static final byte[] REQUEST =
      """
      GET /topics HTTP/1.1\r
      Host: 127.0.0.1\r
      Connection: Upgrade\r
      Upgrade: websocket\r
      Sec-WebSocket-Version: 13\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
      Sec-WebSocket-Protocol: jev.topics.v1\r
      \r
      """
          .getBytes(US_ASCII);

  private static final int AT_ONCE = 256;
  private static final long LIMIT_SECONDS = 60;

  private final EventLoopGroup group;
  private final Bootstrap bootstrap = new Bootstrap();
  private final Semaphore subscribing = new Semaphore(AT_ONCE);
  private final AtomicInteger subscribed = new AtomicInteger();
  private final Queue<Channel> channels = new ConcurrentLinkedQueue<>();

  /** Messages that all clients together have received. */
  final AtomicLong received = new AtomicLong();

  /** Subscriptions that could not begin, and were tried again. */
  final AtomicInteger retries = new AtomicInteger();

  private final int most;
  private int connected; // of the thread that connects

  private volatile @Nullable String failure;
  private volatile boolean closing;

  /**
   * Creates an object without clients.
   *
   * @param most the messages that each client receives at most; more are a failure
   */
  TopicClients(IoHandlerFactory transport, Class<? extends Channel> channelType, int most) {
    this.most = most;
    group = new MultiThreadIoEventLoopGroup(1, transport);
    bootstrap.group(group).channel(channelType);
  }

  /** Connects a client, and waits while too many others have not subscribed yet. */
  void connect(SocketAddress address, String command) {
    try {
      if (!subscribing.tryAcquire(LIMIT_SECONDS, SECONDS)) {
        fail("no answer for " + LIMIT_SECONDS + " s (expected: subscriptions)");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail("interrupted");
    }
    check();
    connected++;
    connect(address, command, /* triesLeft= */ 3);
  }

  /** Connects again if the address that Netty has chosen for a local channel is in use. */
  private void connect(SocketAddress address, String command, int triesLeft) {
    ChannelFuture connecting =
        bootstrap
            .clone()
            .handler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    channel.pipeline().addLast(new Client(command));
                  }
                })
            .connect(address);
    connecting.addListener(
        done -> {
          if (done.isSuccess()) {
            channels.add(connecting.channel());
          } else if (triesLeft > 0) {
            connect(address, command, triesLeft - 1);
          } else {
            fail(String.valueOf(done.cause()));
          }
        });
  }

  /** Waits until all clients have subscribed. */
  void awaitSubscribed() {
    await("subscribed clients", connected, subscribed::get);
  }

  /** Waits until a number of messages have arrived. */
  void awaitReceived(long expected) {
    await("messages", expected, received::get);
  }

  private void await(String what, long expected, LongSupplier count) {
    long last = -1;
    long deadline = 0;
    for (long now = count.getAsLong(); now < expected; now = count.getAsLong()) {
      check();
      if (now != last) {
        last = now;
        deadline = System.nanoTime() + SECONDS.toNanos(LIMIT_SECONDS);
      } else if (System.nanoTime() > deadline) {
        fail(what + ": " + now + " (expected: " + expected + ")");
      }
      Polling.pause();
    }
    check();
  }

  /** Throws if a client has seen what it should not. */
  void check() {
    String seen = failure;
    if (seen != null) {
      throw new BenchmarkException("clients: " + seen);
    }
  }

  private void fail(String seen) {
    if (failure == null) {
      failure = seen;
    }
  }

  @Override
  public void close() {
    closing = true;
    channels.forEach(Channel::close);
    group.shutdownGracefully(0, LIMIT_SECONDS, SECONDS).syncUninterruptibly();
  }

  /** One client: reads frames of up to 64 KiB, which are not fragmented. */
  private final class Client extends SimpleChannelInboundHandler<ByteBuf> {

    private static final int PING = 0x89;
    private static final int PONG = 0x8a;

    private final String command;
    private boolean upgraded;
    private @Nullable ByteBuf rest; // of what has arrived: an unfinished frame
    private int messages;

    Client(String command) {
      this.command = command;
    }

    @Override
    @SuppressWarnings("FutureReturnValueIgnored") // a failed write ends in a timeout
    public void channelActive(ChannelHandlerContext context) {
      context.writeAndFlush(Unpooled.wrappedBuffer(REQUEST));
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, ByteBuf part) {
      ByteBuf bytes = rest == null ? part : rest.writeBytes(part);
      if (!upgraded) {
        upgraded = readResponse(context, bytes);
      }
      while (upgraded && readFrame(context, bytes)) {}
      keep(bytes);
    }

    private boolean readResponse(ChannelHandlerContext context, ByteBuf bytes) {
      String head = bytes.toString(US_ASCII);
      int end = head.indexOf("\r\n\r\n");
      if (end < 0) {
        return false;
      }
      if (!head.startsWith("HTTP/1.1 101 ")) {
        fail(head.lines().findFirst().orElse("") + " (expected: 101)");
      }
      bytes.skipBytes(end + 4);
      send(context, WebSocketFrames.TEXT, command);
      return true;
    }

    @SuppressWarnings("FutureReturnValueIgnored") // a failed write ends in a timeout
    private static void send(ChannelHandlerContext context, int first, String payload) {
      byte[] frame = WebSocketFrames.ofClient(first, payload.getBytes(UTF_8));
      context.writeAndFlush(Unpooled.wrappedBuffer(frame));
    }

    private boolean readFrame(ChannelHandlerContext context, ByteBuf bytes) {
      int at = bytes.readerIndex();
      if (bytes.readableBytes() < 2) {
        return false;
      }
      int length = bytes.getUnsignedByte(at + 1);
      int header = length == 126 ? 4 : 2;
      if (bytes.readableBytes() < header) {
        return false;
      }
      length = length == 126 ? bytes.getUnsignedShort(at + 2) : length;
      if (bytes.readableBytes() < header + length) {
        return false;
      }
      int first = bytes.getUnsignedByte(at);
      if (first == PING) {
        send(context, PONG, "");
      } else if (first == WebSocketFrames.TEXT && length != 127) {
        text(context, bytes, at + header, length);
      } else {
        fail("frame " + first + " of length " + length + " (expected: short texts, and pings)");
      }
      bytes.skipBytes(header + length);
      return true;
    }

    private void text(ChannelHandlerContext context, ByteBuf bytes, int at, int length) {
      String start = bytes.toString(at, Math.min(length, 12), US_ASCII);
      if (start.startsWith("{\"topic\":")) {
        received.incrementAndGet();
        if (++messages > most) {
          fail(bytes.toString(at, length, UTF_8) + " (expected: " + most + " messages)");
        }
      } else if (start.startsWith("{\"subscribe")) {
        String answer = bytes.toString(at, length, UTF_8);
        if (answer.contains("\"lost\":true")) {
          fail(answer + " (expected: nothing is lost)");
        }
        subscribed.incrementAndGet();
        subscribing.release();
      } else if (start.startsWith("{\"unsubscrib")) {
        retries.incrementAndGet();
        context.executor().schedule(() -> send(context, WebSocketFrames.TEXT, command), 1, SECONDS);
      } else if (!start.startsWith("{\"heartbeat")) {
        fail(bytes.toString(at, length, UTF_8) + " (expected: subscriptions and messages)");
      }
    }

    private void keep(ByteBuf bytes) {
      if (!bytes.isReadable()) {
        rest = null;
      } else if (rest == null) {
        rest = Unpooled.buffer(bytes.readableBytes() + 256).writeBytes(bytes);
      } else {
        rest.discardReadBytes();
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
      if (!closing) {
        fail("a connection has ended (expected: it stays open)");
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      fail(cause.toString());
    }
  }
}
