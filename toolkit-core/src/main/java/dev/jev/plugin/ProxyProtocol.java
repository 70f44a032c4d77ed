package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Plugin;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.net.SocketAddress;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Learns the real addresses of connections from a proxy in front of the server, which tells them in
 * a header before the first byte: the PROXY protocol, versions 1 and 2.
 *
 * <pre>
 *   Server.builder(MyProtocol::new, handler).plugin(ProxyProtocol.required("10.0.0.0/8"))...
 * </pre>
 *
 * <p>{@code connection.remoteAddress()} then is that of the proxy's client, for other plugins too,
 * and {@code connection.attribute(ProxyHeader.class)} has all that was told. Whoever can send a
 * header can claim any address: so it is believed of trusted peers alone. A malformed header, and
 * one from somebody else, closes the connection with {@code PROTOCOL_ERROR}. The server's {@code
 * handshakeTimeout} bounds the wait for it.
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
   * One that accepts no connection without a header, and none from elsewhere.
   *
   * @param trusted the addresses of proxies: {@code 10.0.0.0/8}, {@code fd00::/8}, {@code
   *     192.0.2.1}; or {@code unix} for all peers on Unix domain sockets
   */
  public static ProxyProtocol required(String... trusted) {
    Checks.inRange("trusted networks", trusted.length, 1, Integer.MAX_VALUE);
    return new ProxyProtocol(networks(trusted), /* required= */ true, DEFAULT_MAX_HEADER_BYTES);
  }

  /**
   * One that accepts connections without a header as well, from everywhere. That needs a protocol
   * in which the client speaks first, and no message of which begins like a header.
   *
   * @param trusted as in {@link #required}; a header from elsewhere is refused
   */
  public static ProxyProtocol optional(String... trusted) {
    return new ProxyProtocol(networks(trusted), /* required= */ false, DEFAULT_MAX_HEADER_BYTES);
  }

  private static List<IpSubnet> networks(String... texts) {
    return Stream.of(texts).map(IpSubnet::of).toList();
  }

  /** The same with another limit for headers of version 2, in bytes; 4 KiB by default. */
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
    link.pipeline().addLast(new Reader(link));
    return null;
  }

  private boolean trusts(SocketAddress peer) {
    return trusted.stream().anyMatch(subnet -> subnet.contains(peer));
  }

  /** Reads the header, and is gone when that is done. */
  private final class Reader extends ByteToMessageDecoder {

    private final Link link;
    private boolean refused;

    Reader(Link link) {
      this.link = link;
    }

    /** The connection is told when the header is read. */
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
      if (!trusts(peer(ctx))) {
        throw new ProtocolException(
            "sender of the PROXY header: " + peer(ctx) + " (expected: one of " + trusted + ")");
      }
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
      ctx.pipeline().remove(this); // which passes on what is behind the header
    }

    private void refuse(ProtocolException cause) {
      refused = true;
      link.close(new CloseReason(Kind.PROTOCOL_ERROR, cause));
    }

    private SocketAddress peer(ChannelHandlerContext ctx) {
      return ctx.channel().remoteAddress();
    }
  }
}
