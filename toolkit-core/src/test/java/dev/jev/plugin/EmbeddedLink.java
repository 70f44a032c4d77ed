package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.DeadlineWheel;
import dev.jev.EventLoopWheel;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.ByteArrayOutputStream;
import java.lang.reflect.Proxy;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A link to a channel without a connection, with its input and output as bytes. */
final class EmbeddedLink extends ChannelDuplexHandler implements Plugin.Link {

  static final InetSocketAddress PEER = new InetSocketAddress("192.0.2.1", 4000);

  private final EmbeddedChannel channel =
      new EmbeddedChannel() {
        @Override
        protected SocketAddress remoteAddress0() {
          return PEER;
        }
      };
  private final Plugin.@Nullable Observer observer;
  private final ByteArrayOutputStream received = new ByteArrayOutputStream();

  final List<Throwable> failures = new ArrayList<>();
  final List<Integer> chunks = new ArrayList<>(); // their lengths
  final List<Object> events = new ArrayList<>();
  @Nullable CloseReason reason;
  final List<String> pauses = new ArrayList<>(); // the plugin's: pause, resume
  final List<Integer> receivedAtPauses = new ArrayList<>(); // bytes
  int maxChunksBeforePause = Integer.MAX_VALUE;

  EmbeddedLink(Plugin plugin) {
    observer = plugin.install(this);
    channel.pipeline().addLast(this);
  }

  EmbeddedChannel channel() {
    return channel;
  }

  // Peer side.

  EmbeddedLink arrive(byte[] bytes, int from, int to) {
    ByteBuf in = channel.alloc().directBuffer().writeBytes(bytes, from, to - from);
    channel.writeInbound(in);
    return this;
  }

  EmbeddedLink arrive(byte[] bytes) {
    return arrive(bytes, 0, bytes.length);
  }

  /** Returns all bytes that were written to the socket since the last call. */
  byte[] sent() {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (ByteBuf out; (out = channel.readOutbound()) != null; out.release()) {
      byte[] bytes = new byte[out.readableBytes()];
      out.readBytes(bytes);
      all.writeBytes(bytes);
    }
    return all.toByteArray();
  }

  // Connection side.

  byte[] received() {
    return received.toByteArray();
  }

  EmbeddedLink write(byte[] bytes) {
    channel.write(Unpooled.copiedBuffer(bytes));
    return this;
  }

  EmbeddedLink flush() {
    channel.flush();
    channel.runPendingTasks();
    return this;
  }

  /** Ends the output. */
  EmbeddedLink end() {
    requireNonNull(observer).ending();
    return this;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf bytes = (ByteBuf) message;
    chunks.add(bytes.readableBytes());
    byte[] copy = new byte[bytes.readableBytes()];
    bytes.readBytes(copy);
    bytes.release();
    received.writeBytes(copy);
    if (chunks.size() == maxChunksBeforePause) {
      channel.config().setAutoRead(false);
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    events.add(event);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    failures.add(cause);
  }

  // Link.

  @Override
  public PluginHost host() {
    throw new AssertionError("not expected of a plugin: host");
  }

  @Override
  public ChannelPipeline pipeline() {
    return channel.pipeline();
  }

  @Override
  public void close(CloseReason closeReason) {
    reason = reason == null ? closeReason : reason;
  }

  @Override
  public void closeNow(CloseReason closeReason) {
    close(closeReason);
    channel.close();
  }

  /** Returns a connection that only notes its attributes. */
  @Override
  public Connection<?> connection() {
    return (Connection<?>)
        Proxy.newProxyInstance(
            Connection.class.getClassLoader(),
            new Class<?>[] {Connection.class},
            (proxy, method, arguments) -> {
              if (!method.getName().equals("attribute") || arguments.length != 2) {
                throw new AssertionError("unexpected call of a plugin: " + method.getName());
              }
              events.add(arguments[1]);
              return null;
            });
  }

  @Override
  public void addresses(SocketAddress remote, SocketAddress local) {
    events.add("addresses " + remote + " " + local);
  }

  @Override
  public void pauseReading() {
    pauses.add("pause");
    receivedAtPauses.add(received.size());
    channel.config().setAutoRead(false);
  }

  @Override
  public void resumeReading() {
    pauses.add("resume");
    if (chunks.size() != maxChunksBeforePause) {
      channel.config().setAutoRead(true);
    }
  }

  @Override
  public long bufferedBytes() {
    return 0;
  }

  @Override
  public DeadlineWheel deadlineWheel(Duration span) {
    return EventLoopWheel.of(channel.eventLoop(), span);
  }
}
