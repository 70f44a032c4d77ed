package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.util.NetUtil;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ProxyHeaderFuzz {

  private static final List<FuzzedPlugin> PLUGINS =
      List.of(
          new FuzzedPlugin(ProxyProtocol.required("192.0.2.0/24")),
          new FuzzedPlugin(ProxyProtocol.optional("192.0.2.0/24").maxHeaderBytes(100)),
          new FuzzedPlugin(ProxyProtocol.optional("198.51.100.0/24")));

  @FuzzTest
  void headerIsThatOfNettyHoweverItIsSplit(byte[] input) {
    for (FuzzedPlugin plugin : PLUGINS) {
      for (Object event : plugin.checkSplits(input).events()) {
        if (event instanceof ProxyHeader header) {
          checkAddresses(header, input);
        }
      }
    }
  }

  /** Checks that Netty finds the same addresses, if it accepts the header. */
  private static void checkAddresses(ProxyHeader header, byte[] input) {
    EmbeddedChannel channel = new EmbeddedChannel(new HAProxyMessageDecoder());
    try {
      channel.writeInbound(Unpooled.wrappedBuffer(input));
      HAProxyMessage message = channel.readInbound();
      if (message != null) {
        checkAddress(header.source(), message.sourceAddress(), message.sourcePort());
        checkAddress(header.destination(), message.destinationAddress(), message.destinationPort());
        message.release();
      }
    } catch (DecoderException e) {
      // Netty is stricter with some values.
    } finally {
      channel.finishAndReleaseAll();
    }
  }

  private static void checkAddress(@Nullable SocketAddress address, @Nullable String ip, int port) {
    if (address instanceof InetSocketAddress inet && ip != null) {
      byte[] expected = NetUtil.createByteArrayFromIpAddressString(ip);
      byte[] mapped = inet.getAddress().getAddress(); // 4 bytes for an IPv4 address in IPv6
      assertThat(expected).endsWith(mapped);
      assertThat(inet.getPort()).isEqualTo(port);
    }
  }
}
