package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Plugin;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.net.SocketAddress;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Reads the addresses of clients from the header that a proxy in front of the server sends: the
 * PROXY protocol, versions 1 and 2.
 *
 * <pre>
 *   Server.builder(MyProtocol::new, handler).plugin(ProxyProtocol.required("10.0.0.0/8"))...
 * </pre>
 *
 * <p>The proxy sends the header before the first byte of a connection. {@code
 * connection.remoteAddress()} then is the address of the proxy's client, for other plugins too, and
 * {@code connection.attribute(ProxyHeader.class)} has the complete header. The sender of a header
 * can claim any address, so headers are accepted from trusted peers only. A malformed header, or
 * one from another peer, closes the connection with {@code PROTOCOL_ERROR}. The server's {@code
 * handshakeTimeout} limits the wait for the header.
 */
public final class ProxyProtocol implements Plugin {

  private static final int DEFAULT_MAX_HEADER_BYTES = 4 * 1024;

  private final List<IpSubnet> trusted;
  private final boolean required;
  private final int maxHeaderBytes;

  private ProxyProtocol(List<IpSubnet> trusted, boolean required, int maxHeaderBytes) {
    this.trusted = trusted;
    this.required = required;
    this.maxHeaderBytes = maxHeaderBytes;
  }

  /**
   * Returns a plugin that accepts only connections from trusted peers, and only with a header.
   *
   * @param trusted the addresses of the proxies: {@code 10.0.0.0/8}, {@code fd00::/8}, {@code
   *     192.0.2.1}; or {@code unix} for all peers on Unix domain sockets
   */
  public static ProxyProtocol required(String... trusted) {
    Checks.inRange("trusted networks", trusted.length, 1, Integer.MAX_VALUE);
    return new ProxyProtocol(networks(trusted), /* required= */ true, DEFAULT_MAX_HEADER_BYTES);
  }

  /**
   * Returns a plugin that also accepts connections without a header, from all peers.
   *
   * <p>The connection of a peer that is not trusted opens at once, with the peer's own address; a
   * header closes it. That of a trusted peer opens when its first bytes show whether it sends a
   * header. If it stays silent, it is closed after the server's {@code handshakeTimeout}. So
   * trusted peers must speak first, and no message may begin like a header.
   *
   * @param trusted the addresses of the proxies, as in {@link #required}
   */
  public static ProxyProtocol optional(String... trusted) {
    return new ProxyProtocol(networks(trusted), /* required= */ false, DEFAULT_MAX_HEADER_BYTES);
  }

  private static List<IpSubnet> networks(String... texts) {
    return Stream.of(texts).map(IpSubnet::of).toList();
  }

  /**
   * Returns a copy with another maximum length of version 2 headers, in bytes; 4 KiB by default.
   */
  public ProxyProtocol maxHeaderBytes(int maxHeaderBytes) {
    return new ProxyProtocol(
        trusted, required, Checks.inRange("maxHeaderBytes", maxHeaderBytes, 16, 16 + 65535));
  }

  @Override
  public Stage stage() {
    return Stage.ADDRESS;
  }

  @Override
  public @Nullable Observer install(Link link) {
    if (!required && !trusts(link.pipeline().channel().remoteAddress())) {
      link.pipeline().addLast(new Guard(link));
      return null;
    }
    HeaderBytes header = new HeaderBytes();
    header.reader = new Reader(link, header);
    link.pipeline().addLast(header.reader);
    return header;
  }

  private boolean trusts(SocketAddress peer) {
    return trusted.stream().anyMatch(subnet -> subnet.contains(peer));
  }

  /** The incomplete header of one connection. */
  private static final class HeaderBytes implements Observer {

    private @Nullable Reader reader; // null after the header

    @Override
    public long bufferedBytes() {
      return reader == null ? 0 : reader.bufferedBytes();
    }
  }

  /** Reads the header and then removes itself. */
  private final class Reader extends ByteToMessageDecoder {

    private final Link link;
    private final HeaderBytes header;
    private boolean refused;

    Reader(Link link, HeaderBytes header) {
      this.link = link;
      this.header = header;
    }

    long bufferedBytes() {
      return internalBuffer().capacity();
    }

    @Override
    protected void handlerRemoved0(ChannelHandlerContext ctx) {
      header.reader = null;
    }

    /** Delays the event until the header has been read. */
    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      if (required && !trusts(peer(ctx))) {
        refuse(new ProtocolException("peer: " + peer(ctx) + " (expected: one of " + trusted + ")"));
      }
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
      try {
        if (!refused) {
          read(ctx, in);
        }
      } catch (ProtocolException e) {
        refuse(e);
      }
      if (refused) {
        in.skipBytes(in.readableBytes());
      }
    }

    private void read(ChannelHandlerContext ctx, ByteBuf in) {
      if (!ProxyHeaderParser.mayBeHeader(in)) {
        if (required) {
          throw new ProtocolException("PROXY header missing at the beginning of the connection");
        }
        finish(ctx);
      } else if (ProxyHeaderParser.isHeader(in)) {
        readHeader(ctx, in);
      }
    }

    private void readHeader(ChannelHandlerContext ctx, ByteBuf in) {
      ProxyHeader header = ProxyHeaderParser.parse(in, peer(ctx), maxHeaderBytes);
      if (header != null) {
        if (header.source() != null) {
          link.addresses(header.source(), requireNonNull(header.destination()));
        }
        link.connection().attribute(ProxyHeader.class, header);
        finish(ctx);
      }
    }

    private void finish(ChannelHandlerContext ctx) {
      ctx.fireChannelActive();
      ctx.pipeline().remove(this); // passes on the bytes after the header
    }

    private void refuse(ProtocolException cause) {
      refused = true;
      link.close(new CloseReason(Kind.PROTOCOL_ERROR, cause));
    }

    private SocketAddress peer(ChannelHandlerContext ctx) {
      return ctx.channel().remoteAddress();
    }
  }

  /**
   * Refuses the header of a peer that is not trusted. Passes on everything else, and the connection
   * opens at once: its address is known, and while it is silent, limits must see it.
   */
  private final class Guard extends ChannelInboundHandlerAdapter {

    private final Link link;
    private @Nullable ByteBuf beginning; // of the input; null until there is some

    Guard(Link link) {
      this.link = link;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ByteBuf in = (ByteBuf) message;
      if (beginning == null) {
        beginning = Unpooled.buffer(ProxyHeaderParser.DECISIVE_BYTES);
      }
      int missing = ProxyHeaderParser.DECISIVE_BYTES - beginning.readableBytes();
      beginning.writeBytes(in, in.readerIndex(), Math.min(missing, in.readableBytes()));
      if (ProxyHeaderParser.isHeader(beginning)) {
        in.release();
        refuse(ctx);
        return;
      }
      if (!ProxyHeaderParser.mayBeHeader(beginning)) {
        ctx.pipeline().remove(this);
      }
      ctx.fireChannelRead(in);
    }

    private void refuse(ChannelHandlerContext ctx) {
      ctx.pipeline().remove(this);
      SocketAddress peer = ctx.channel().remoteAddress();
      link.close(
          new CloseReason(
              Kind.PROTOCOL_ERROR,
              new ProtocolException(
                  "sender of the PROXY header: " + peer + " (expected: one of " + trusted + ")")));
    }
  }
}
