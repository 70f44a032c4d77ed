package dev.jev.plugin;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Applies {@link Limits} to one connection. */
final class LimitedConnection extends ChannelInboundHandlerAdapter
    implements LimitContext, Plugin.Observer {

  private final Limits limits;
  private final Plugin.Link link;
  private final @Nullable Throttle messageThrottle;
  private final @Nullable Throttle byteThrottle;
  private final @Nullable BufferShare bufferShare;
  private final @Nullable WriteStall writeStall;
  private @Nullable FirstMessage firstMessage;
  private @Nullable InetAddress countedAddress;
  private List<ConnectionCount> countedIn = List.of();
  private List<Membership> memberships = List.of();
  private @Nullable CloseReason breach;
  private int pauses;

  /** A count that includes the connection, and the key there. */
  private record Membership(KeyedConnections in, Object key) {}

  LimitedConnection(Limits limits, Plugin.Link link) {
    this.limits = limits;
    this.link = link;
    this.messageThrottle = limits.newMessageThrottle(this);
    this.byteThrottle = limits.newByteThrottle(this);
    this.bufferShare = limits.newBufferShare(this);
    this.writeStall = limits.newWriteStall(this);
    this.firstMessage = limits.newFirstMessage(this);
  }

  // LimitContext, called by the limits.

  @Override
  public Plugin.Link link() {
    return link;
  }

  @Override
  public Channel channel() {
    return link.pipeline().channel();
  }

  @Override
  public void pauseReading() {
    if (pauses++ == 0) {
      link.pauseReading();
    }
  }

  @Override
  public void resumeReading() {
    if (--pauses == 0) {
      link.resumeReading();
    }
  }

  @Override
  public void close(CloseReason.Kind kind, String limit, String message) {
    link.close(breach(kind, limit, message));
  }

  @Override
  public void abort(CloseReason.Kind kind, String limit, String message) {
    link.closeNow(breach(kind, limit, message));
  }

  private CloseReason breach(CloseReason.Kind kind, String limit, String message) {
    if (breach == null) {
      breach = CloseReason.of(kind);
      SocketAddress remote = link.connection().remoteAddress();
      limits.log(limit, () -> "connection to " + remote + " closed: " + message);
    }
    return breach;
  }

  // Channel handler, until the connection is admitted.

  /** Admits or closes the connection. The address of the peer is known now, also behind a proxy. */
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
    List<ConnectionCount> counts = limits.tryAdd(remote.getAddress());
    if (counts == null) {
      return false;
    }
    countedAddress = remote.getAddress();
    countedIn = counts;
    return true;
  }

  // Plugin.Observer.

  @Override
  public void connected() {
    for (KeyedConnections keyed : limits.keyed()) {
      Object key = keyed.keyOf(link.connection());
      if (key != null && !isAdmitted(keyed, key)) {
        return;
      }
    }
    if (firstMessage != null) {
      firstMessage.connected();
    }
  }

  /** Counts the connection by a key; returns false if it is refused. */
  private boolean isAdmitted(KeyedConnections keyed, Object key) {
    LimitedConnection excess = keyed.add(key, this);
    if (excess == this) {
      limits.countRefused();
      closeForKey(keyed.limit(), "refused");
      return false;
    }
    List<Membership> more = new ArrayList<>(memberships);
    more.add(new Membership(keyed, key));
    memberships = more;
    if (excess != null) {
      limits.countClosed();
      excess.closeForKey(keyed.limit(), "closed for a newer one");
    }
    return true;
  }

  /** Closes the connection because its key has too many. Any thread. */
  private void closeForKey(LimitValues.PerKey limit, String fate) {
    String text = fate + ": limit of " + limit.max() + " connections reached";
    SocketAddress remote = link.connection().remoteAddress();
    limits.log("connections per key", () -> "connection to " + remote + " " + text);
    link.close(CloseReason.of(CloseReason.Kind.LIMIT, text));
  }

  @Override
  public void received(int length) {
    if (bufferShare != null) {
      bufferShare.checkSoon();
    }
    if (byteThrottle != null) {
      byteThrottle.take(length);
    }
  }

  @Override
  public void readComplete() {
    if (bufferShare != null) {
      bufferShare.readComplete();
    }
  }

  @Override
  public void message(int length) {
    if (firstMessage != null) {
      firstMessage.cancel();
      firstMessage = null;
    }
    if (messageThrottle != null) {
      messageThrottle.take(1);
    }
  }

  @Override
  public void flushing(int length) {
    if (bufferShare != null) {
      bufferShare.checkSoon();
    }
    if (writeStall != null) {
      writeStall.flushing();
    }
  }

  @Override
  public void closed(CloseReason reason) {
    if (bufferShare != null) {
      bufferShare.closed();
    }
    InetAddress address = countedAddress;
    if (address != null) {
      countedIn.forEach(count -> count.remove(address));
    }
    memberships.forEach(membership -> membership.in().remove(membership.key(), this));
    if (reason.equals(breach)) {
      limits.countClosed();
    }
    if (messageThrottle != null) {
      messageThrottle.closed();
    }
    if (byteThrottle != null) {
      byteThrottle.closed();
    }
    if (writeStall != null) {
      writeStall.cancel();
    }
    if (firstMessage != null) {
      firstMessage.cancel();
    }
  }
}
