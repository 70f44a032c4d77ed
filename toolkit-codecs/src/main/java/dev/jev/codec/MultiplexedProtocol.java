package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.ProtocolException;
import dev.jev.Timer;
import dev.jev.Wheel;
import dev.jev.Wire;
import dev.jev.codec.FirstBytes.Verdict;
import dev.jev.codec.Multiplexer.Route;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Looks at the first bytes, then is what they ask for; see {@link Multiplexer}. */
final class MultiplexedProtocol implements Protocol<Object, Object> {

  private static final int MAX_QUOTED_BYTES = 16;

  private final List<Route> routes;
  private final @Nullable Route otherwise;
  private final Duration silence; // zero: no silence is long enough
  private final int maxBytes;

  private boolean heard; // at least one byte
  private @Nullable Protocol<Object, Object> chosen;

  MultiplexedProtocol(
      List<Route> routes, @Nullable Route otherwise, Duration silence, int maxBytes) {
    this.routes = routes;
    this.otherwise = otherwise;
    this.silence = silence;
    this.maxBytes = maxBytes;
  }

  /** It is ready when the chosen protocol is. */
  @Override
  public void open(Wire wire) {
    Route route = otherwise;
    if (route != null && !silence.isZero()) {
      wire.runAfter(silence, () -> chooseSilent(route, wire));
    }
  }

  private void chooseSilent(Route route, Wire wire) {
    if (!heard) {
      start(route, wire).open(wire);
    }
  }

  @Override
  public @Nullable Object unpack(Wire wire, ByteBuf in) {
    if (chosen != null) {
      return chosen.unpack(wire, in);
    }
    heard = true;
    Route route = choose(in);
    return route == null ? null : begin(route, wire, in);
  }

  /** Returns null if it takes more bytes to tell. */
  private @Nullable Route choose(ByteBuf in) {
    ByteBuf bytes = in.readableBytes() > maxBytes ? in.slice(in.readerIndex(), maxBytes) : in;
    boolean last = bytes.readableBytes() == maxBytes;
    for (Route route : routes) {
      Verdict verdict = route.first().judge(bytes);
      if (verdict == Verdict.YES) {
        return route;
      }
      if (verdict == Verdict.MORE && !last) {
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

  private @Nullable Object begin(Route route, Wire wire, ByteBuf in) {
    Protocol<Object, Object> protocol = start(route, wire);
    Opening opening = new Opening(wire);
    protocol.open(opening);
    // Once it is ready it is called again by itself, and must not return a message before.
    return opening.ready ? null : protocol.unpack(wire, in);
  }

  private Protocol<Object, Object> start(Route route, Wire wire) {
    Protocol<Object, Object> protocol = requireNonNull(route.protocol().get(), "protocol");
    chosen = protocol;
    wire.attribute(Route.class, route);
    return protocol;
  }

  @Override
  public int held() {
    return chosen == null ? 0 : chosen.held();
  }

  @Override
  public void pack(Object message, ByteBuf out) {
    requireNonNull(chosen).pack(message, out);
  }

  @Override
  public @Nullable ByteBuf tail(Object message) {
    return requireNonNull(chosen).tail(message);
  }

  @Override
  public @Nullable Object representation() {
    return chosen == null ? null : chosen.representation();
  }

  @Override
  public void close(Wire wire, CloseReason reason) {
    if (chosen != null) {
      chosen.close(wire, reason);
    }
  }

  @Override
  public boolean farewell(Wire wire, ByteBuf in) {
    return chosen == null || chosen.farewell(wire, in);
  }

  /** The wire that a protocol gets when it opens, which tells whether it is ready at once. */
  private static final class Opening implements Wire {

    private final Wire wire;
    private boolean ready;

    Opening(Wire wire) {
      this.wire = wire;
    }

    @Override
    public void ready() {
      ready = true;
      wire.ready();
    }

    @Override
    public boolean isReady() {
      return wire.isReady();
    }

    @Override
    public void write(ByteBuf bytes) {
      wire.write(bytes);
    }

    @Override
    public void close(CloseReason reason) {
      wire.close(reason);
    }

    @Override
    public void closeNow(CloseReason reason) {
      wire.closeNow(reason);
    }

    @Override
    public Wheel wheel(Duration span) {
      return wire.wheel(span);
    }

    @Override
    public long readingSince() {
      return wire.readingSince();
    }

    @Override
    public Timer runAfter(Duration delay, Runnable task) {
      return wire.runAfter(delay, task);
    }

    @Override
    public <T> void attribute(Class<T> type, T value) {
      wire.attribute(type, value);
    }

    @Override
    public <T> @Nullable T attribute(Class<T> type) {
      return wire.attribute(type);
    }

    @Override
    public @Nullable SocketAddress remoteAddress() {
      return wire.remoteAddress();
    }

    @Override
    public int maxFrameBytes() {
      return wire.maxFrameBytes();
    }
  }
}
