package dev.jev.plugin;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/** Applies {@link Limits} to one connection. */
final class LimitedConnection extends ChannelInboundHandlerAdapter implements Plugin.Observer {

  private final Limits limits;
  private final Plugin.Link link;
  private final @Nullable Throttle messages;
  private final @Nullable Throttle bytes;
  private final @Nullable BufferShare share;
  private final @Nullable WriteStall stall;
  private @Nullable FirstMessage first;
  private @Nullable InetAddress counted;
  private @Nullable CloseReason breach;
  private int pauses;

  LimitedConnection(Limits limits, Plugin.Link link) {
    this.limits = limits;
    this.link = link;
    this.messages = limits.messageThrottle(this);
    this.bytes = limits.byteThrottle(this);
    this.share = limits.bufferShare(this);
    this.stall = limits.writeStall(this);
    this.first = limits.firstMessage(this);
  }

  // What its limits ask for.

  Plugin.Link link() {
    return link;
  }

  Channel channel() {
    return link.pipeline().channel();
  }

  long heldBytes() {
    return link.connection().pendingBytes() + link.unreadBytes();
  }

  /** Adds one reason to pause reading, or takes one away. */
  void pause(int change) {
    int before = pauses;
    pauses += change;
    if (before == 0) {
      link.pauseReading();
    } else if (pauses == 0) {
      link.resumeReading();
    }
  }

  /** Closes because of a limit, whose name is {@code subject}. */
  void close(CloseReason.Kind kind, String subject, String detail) {
    link.close(breach(kind, subject, detail));
  }

  /** Closes because of a limit, and drops what has not been written. */
  void abort(CloseReason.Kind kind, String subject, String detail) {
    link.closeNow(breach(kind, subject, detail));
  }

  private CloseReason breach(CloseReason.Kind kind, String subject, String detail) {
    if (breach == null) {
      breach = CloseReason.of(kind);
      SocketAddress remote = link.connection().remoteAddress();
      limits.log(subject, () -> detail + "; connection of " + remote + " closes");
    }
    return breach;
  }

  // The pipeline, until the connection is admitted.

  /** The peer's address is known now, also behind a proxy. */
  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    if (admits()) {
      ctx.pipeline().remove(this);
      ctx.fireChannelActive();
    } else {
      link.closeNow(CloseReason.of(CloseReason.Kind.LIMIT));
    }
  }

  private boolean admits() {
    if (!(link.connection().remoteAddress() instanceof InetSocketAddress remote)
        || remote.getAddress() == null) {
      return true;
    }
    if (!limits.enter(remote.getAddress())) {
      return false;
    }
    counted = remote.getAddress();
    return true;
  }

  // The observer.

  @Override
  public void connected() {
    if (first != null) {
      first.connected();
    }
  }

  @Override
  public void received(int length) {
    if (share != null) {
      share.touch();
    }
    if (bytes != null) {
      bytes.take(length);
    }
  }

  @Override
  public void message() {
    if (first != null) {
      first.cancel();
      first = null;
    }
    if (messages != null) {
      messages.take(1);
    }
  }

  @Override
  public void flushing(int length) {
    if (share != null) {
      share.touch();
    }
    if (stall != null) {
      stall.flushing();
    }
  }

  @Override
  public void closed(CloseReason reason) {
    if (counted != null) {
      limits.leave(counted);
    }
    if (reason.equals(breach)) {
      limits.countClosed();
    }
    if (messages != null) {
      messages.closed();
    }
    if (bytes != null) {
      bytes.closed();
    }
    if (share != null) {
      share.closed();
    }
    if (stall != null) {
      stall.cancel();
    }
    if (first != null) {
      first.cancel();
    }
  }
}
