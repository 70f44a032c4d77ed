package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Captures the bytes of connections in a file; see {@link WireLog#pcap}. */
final class PcapLog implements Plugin {

  private static final int FIRST_PORT = 1024;

  private final Path path;
  private final Stage stage;
  private final int oneIn;
  private final long maxBytes;
  private final @Nullable UnaryOperator<byte[]> mask;
  private final RateLimitedLog faults = new RateLimitedLog();
  private final AtomicLong connections = new AtomicLong();

  // Volatile: read by any event loop. Written while holding this.
  private volatile @Nullable PcapFile file;

  // Guarded by this.
  private final Set<PluginHost> hosts = new HashSet<>(); // started and not stopped
  private boolean ended;

  PcapLog(Path path, Stage stage, int oneIn, long maxBytes, @Nullable UnaryOperator<byte[]> mask) {
    this.path = path;
    this.stage = stage;
    this.oneIn = oneIn;
    this.maxBytes = maxBytes;
    this.mask = mask;
  }

  @Override
  public Stage stage() {
    return stage;
  }

  @Override
  public synchronized void start(PluginHost host) {
    if (ended) {
      throw new IllegalStateException("capture " + path + " has ended; build a new one");
    }
    if (file == null) {
      try {
        file = PcapFile.create(path, maxBytes);
      } catch (IOException e) {
        throw new UncheckedIOException("cannot create the capture " + path, e);
      }
    }
    hosts.add(host);
  }

  @Override
  public synchronized void stop(PluginHost host) {
    PcapFile open = file;
    boolean isLast = hosts.remove(host) && hosts.isEmpty(); // not if its start has failed
    if (!isLast || open == null) {
      return;
    }
    ended = true;
    file = null;
    try {
      open.close();
    } catch (IOException e) {
      faults.warning(() -> "cannot close the capture " + path + ": " + e);
    }
  }

  @Override
  public @Nullable Observer install(Link link) {
    PcapFile open = file;
    long number = connections.getAndIncrement();
    if (open == null || number % oneIn != 0) {
      return null;
    }
    Tap tap = new Tap(link, open, number);
    link.pipeline().addLast(tap);
    return tap;
  }

  /** Returns the bytes to write; zeros if the user's function has failed. */
  private byte[] masked(byte[] bytes) {
    if (mask == null) {
      return bytes;
    }
    int length = bytes.length;
    try {
      return requireNonNull(mask.apply(bytes), "masked bytes");
    } catch (RuntimeException | Error e) {
      faults.warning(() -> "the mask of the capture " + path + " failed, zeros are written: " + e);
      return new byte[length];
    }
  }

  private final class Tap extends ChannelDuplexHandler implements Observer {

    private final Link link;
    private final PcapFile file;
    private final long number;
    private final boolean ofServer;
    private @Nullable PcapStream stream; // null until the connection is active
    private boolean closed;

    Tap(Link link, PcapFile file, long number) {
      this.link = link;
      this.file = file;
      this.number = number;
      this.ofServer = !link.host().addresses().isEmpty();
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      stream();
      ctx.fireChannelActive();
    }

    private PcapStream stream() {
      PcapStream opened = stream;
      if (opened == null) {
        opened = newStream(link.connection().remoteAddress(), link.connection().localAddress());
        opened.open();
        stream = opened;
      }
      return opened;
    }

    private PcapStream newStream(SocketAddress remote, SocketAddress local) {
      if (!(remote instanceof InetSocketAddress peer)
          || !(local instanceof InetSocketAddress own)) {
        int port = FIRST_PORT + (int) (number % (0x10000 - FIRST_PORT));
        InetAddress here = InetAddress.getLoopbackAddress(); // in place of a unix socket
        return new PcapStream(
            file, new InetSocketAddress(here, port), new InetSocketAddress(here, 1));
      }
      return ofServer ? new PcapStream(file, peer, own) : new PcapStream(file, own, peer);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (message instanceof ByteBuf bytes) {
        capture(/* ofClient= */ ofServer, bytes);
      }
      ctx.fireChannelRead(message);
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
      if (message instanceof ByteBuf bytes && bytes.isReadable()) {
        capture(/* ofClient= */ !ofServer, bytes);
      }
      ctx.write(message, promise);
    }

    private void capture(boolean ofClient, ByteBuf bytes) {
      if (closed) { // or handed over to another handler
        return;
      }
      try {
        stream().write(ofClient, masked(ByteBufUtil.getBytes(bytes)));
      } catch (Throwable t) { // out of memory, for example
        faults.warning(() -> "bytes are missing in the capture " + path + ": " + t);
      }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof ChannelInputShutdownEvent && !closed) {
        stream().end(/* ofClient= */ ofServer);
      }
      ctx.fireUserEventTriggered(event);
    }

    @Override
    public void closed(CloseReason reason) {
      closed = true;
      if (stream != null) {
        boolean byPeer = reason.kind() == CloseReason.Kind.PEER_CLOSED;
        stream.close(/* byClient= */ byPeer == ofServer);
      }
    }
  }
}
