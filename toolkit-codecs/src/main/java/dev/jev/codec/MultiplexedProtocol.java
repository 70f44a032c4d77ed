package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.DeadlineWheel;
import dev.jev.PluginHost;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.ScheduledTask;
import dev.jev.codec.FirstBytes.Verdict;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A protocol that examines the first bytes and then delegates to the protocol that they select; see
 * {@link Multiplexer}.
 */
final class MultiplexedProtocol implements Protocol<Object, Object> {

  private static final int MAX_QUOTED_BYTES = 16;

  private final List<MultiplexerRoute> routes;
  private final @Nullable MultiplexerRoute otherwise;
  private final Duration silence; // zero: disabled
  private final int maxBytes;

  private boolean hasInput; // at least one byte
  private @Nullable Protocol<Object, Object> chosen;

  MultiplexedProtocol(
      List<MultiplexerRoute> routes,
      @Nullable MultiplexerRoute otherwise,
      Duration silence,
      int maxBytes) {
    this.routes = routes;
    this.otherwise = otherwise;
    this.silence = silence;
    this.maxBytes = maxBytes;
  }

  /** Leaves {@link ProtocolContext#ready} to the chosen protocol. */
  @Override
  public void open(ProtocolContext context) {
    MultiplexerRoute route = otherwise;
    if (route != null && !silence.isZero()) {
      context.runAfter(silence, () -> selectAfterSilence(route, context));
    }
  }

  private void selectAfterSilence(MultiplexerRoute route, ProtocolContext context) {
    if (!hasInput) {
      select(route, context).open(context);
    }
  }

  @Override
  public @Nullable Object unpack(ProtocolContext context, ByteBuf in) {
    if (chosen != null) {
      return chosen.unpack(context, in);
    }
    hasInput = true;
    MultiplexerRoute route = choose(in);
    return route == null ? null : selectAndUnpack(route, context, in);
  }

  /** Returns null if more bytes are needed to decide. */
  private @Nullable MultiplexerRoute choose(ByteBuf in) {
    ByteBuf bytes = in.readableBytes() > maxBytes ? in.slice(in.readerIndex(), maxBytes) : in;
    boolean isAtLimit = bytes.readableBytes() == maxBytes;
    for (MultiplexerRoute route : routes) {
      Verdict verdict = route.first().judge(bytes);
      if (verdict == Verdict.YES) {
        return route;
      }
      if (verdict == Verdict.MORE && !isAtLimit) {
        return null;
      }
    }
    if (otherwise == null) {
      int length = Math.min(bytes.readableBytes(), MAX_QUOTED_BYTES);
      String hex = ByteBufUtil.hexDump(bytes, bytes.readerIndex(), length);
      throw new ProtocolException(
          "first bytes: " + hex + " (expected: one of " + routes.size() + " protocols)");
    }
    return otherwise;
  }

  private @Nullable Object selectAndUnpack(
      MultiplexerRoute route, ProtocolContext context, ByteBuf in) {
    Protocol<Object, Object> protocol = select(route, context);
    Opening opening = new Opening(context);
    protocol.open(opening);
    // A protocol that is ready is called again after onConnect; no message may be returned before.
    return opening.ready ? null : protocol.unpack(context, in);
  }

  private Protocol<Object, Object> select(MultiplexerRoute route, ProtocolContext context) {
    Protocol<Object, Object> protocol = requireNonNull(route.protocol().get(), "protocol");
    chosen = protocol;
    context.attribute(MultiplexerRoute.class, route);
    return protocol;
  }

  @Override
  public int pendingMessages() {
    return chosen == null ? 0 : chosen.pendingMessages();
  }

  @Override
  public long heldBytes() {
    return chosen == null ? 0 : chosen.heldBytes();
  }

  @Override
  public long bufferedBytes() {
    return chosen == null ? 0 : chosen.bufferedBytes();
  }

  @Override
  public boolean isMidInboundMessage() {
    return chosen != null && chosen.isMidInboundMessage();
  }

  @Override
  public void pack(Object message, ByteBuf out) {
    requireNonNull(chosen).pack(message, out);
  }

  @Override
  public @Nullable ByteBuf zeroCopyTail(Object message) {
    return requireNonNull(chosen).zeroCopyTail(message);
  }

  @Override
  public boolean closesConnection(Object message) {
    return chosen != null && chosen.closesConnection(message);
  }

  @Override
  public boolean isMidOutboundMessage() {
    return chosen != null && chosen.isMidOutboundMessage();
  }

  @Override
  public void undoPack() {
    if (chosen != null) {
      chosen.undoPack();
    }
  }

  @Override
  public @Nullable Object encodingKey() {
    return chosen == null ? null : chosen.encodingKey();
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    if (chosen != null) {
      chosen.close(context, reason);
    }
  }

  @Override
  public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
    return chosen == null || chosen.awaitPeerClose(context, in);
  }

  /** A context for the opening of a protocol; records whether the protocol is ready at once. */
  private static final class Opening implements ProtocolContext {

    private final ProtocolContext context;
    private boolean ready;

    Opening(ProtocolContext context) {
      this.context = context;
    }

    @Override
    public void ready() {
      ready = true;
      context.ready();
    }

    @Override
    public boolean isReady() {
      return context.isReady();
    }

    @Override
    public void write(ByteBuf bytes) {
      context.write(bytes);
    }

    @Override
    public void close(CloseReason reason) {
      context.close(reason);
    }

    @Override
    public void closeNow(CloseReason reason) {
      context.closeNow(reason);
    }

    @Override
    public void onClose(Runnable task) {
      context.onClose(task);
    }

    @Override
    public DeadlineWheel deadlineWheel(Duration maxDelay) {
      return context.deadlineWheel(maxDelay);
    }

    @Override
    public long readingSince() {
      return context.readingSince();
    }

    @Override
    public void yieldTurn() {
      context.yieldTurn();
    }

    @Override
    public ScheduledTask runAfter(Duration delay, Runnable task) {
      return context.runAfter(delay, task);
    }

    @Override
    public <T> void attribute(Class<T> type, @Nullable T value) {
      context.attribute(type, value);
    }

    @Override
    public <T> @Nullable T attribute(Class<T> type) {
      return context.attribute(type);
    }

    @Override
    public @Nullable SocketAddress remoteAddress() {
      return context.remoteAddress();
    }

    @Override
    public @Nullable PluginHost host() {
      return context.host();
    }

    @Override
    public int maxFrameBytes() {
      return context.maxFrameBytes();
    }
  }
}
