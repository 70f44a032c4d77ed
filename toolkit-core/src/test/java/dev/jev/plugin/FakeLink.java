package dev.jev.plugin;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.DeadlineWheel;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPipeline;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** A link that records the calls of a plugin, for a channel whose time the test moves. */
final class FakeLink implements Plugin.Link {

  final Queue<String> events = new ConcurrentLinkedQueue<>();
  final Queue<Duration> delays = new ConcurrentLinkedQueue<>(); // of tasks, which are not run
  long closedAt;
  long bufferedBytes;
  private final SlowChannel channel;
  private final Connection<?> connection =
      (Connection<?>)
          Proxy.newProxyInstance(
              Connection.class.getClassLoader(), new Class<?>[] {Connection.class}, calls());

  FakeLink(SlowChannel channel) {
    this.channel = channel;
  }

  private InvocationHandler calls() {
    return (proxy, method, arguments) ->
        switch (method.getName()) {
          case "execute" -> {
            channel.eventLoop().execute((Runnable) arguments[0]);
            yield null;
          }
          case "runAfter" -> {
            delays.add((Duration) arguments[0]);
            yield null;
          }
          case "attribute" -> null;
          case "pendingBytes" -> pendingBytes();
          case "send" -> events.add("send " + arguments[0]);
          default -> throw new AssertionError("unexpected call of a plugin: " + method.getName());
        };
  }

  private long pendingBytes() {
    ChannelOutboundBuffer buffer = channel.unsafe().outboundBuffer();
    return buffer == null ? 0 : buffer.totalPendingWriteBytes();
  }

  @Override
  public Connection<?> connection() {
    return connection;
  }

  @Override
  public PluginHost host() {
    throw new AssertionError("not expected of a plugin: host");
  }

  @Override
  public ChannelPipeline pipeline() {
    return channel.pipeline();
  }

  @Override
  public void addresses(SocketAddress remote, SocketAddress local) {
    events.add("addresses " + remote + " " + local);
  }

  @Override
  public void close(CloseReason reason) {
    closedAt = channel.eventLoop().ticker().nanoTime();
    events.add("close " + reason);
  }

  @Override
  public void closeNow(CloseReason reason) {
    events.add("closeNow " + reason);
  }

  @Override
  public void pauseReading() {
    events.add("pause");
  }

  @Override
  public void resumeReading() {
    events.add("resume");
  }

  @Override
  public long bufferedBytes() {
    return bufferedBytes;
  }

  @Override
  public DeadlineWheel deadlineWheel(Duration span) {
    return channel.wheel(span);
  }
}
