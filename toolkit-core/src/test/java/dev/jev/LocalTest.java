package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.local.LocalAddress;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.local.LocalIoHandler;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Connections inside the process. */
class LocalTest {

  private final Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));

  private Server.Builder<String, String> echo(String uri) {
    return Server.builder(Texts::new, recorder).transport(Transport.LOCAL).listen(uri);
  }

  @Test
  void connectionInsideTheProcessIsLikeAnyOther() throws Exception {
    BlockingQueue<String> received = new LinkedBlockingQueue<>();
    EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, LocalIoHandler.newFactory());
    try (Server server = echo("local://greeter").start()) {
      assertThat(server.transport()).isSameAs(Transport.LOCAL);
      LocalAddress address = new LocalAddress("greeter");
      assertThat(server.addresses()).containsExactly(address);
      Channel client = connect(group, address, received);
      client.writeAndFlush(Unpooled.wrappedBuffer(RawPeer.frames("one", "two"))).sync();
      assertThat(received.poll(10, TimeUnit.SECONDS)).isEqualTo("one");
      assertThat(received.poll(10, TimeUnit.SECONDS)).isEqualTo("two");
      Connection<String> connection = recorder.connection();
      assertThat(connection.listener()).isEqualTo(address);
      assertThat(connection.localAddress()).isEqualTo(address);
      client.close().sync();
      recorder.expect("connect", "message one", "message two", "close PEER_CLOSED");
    } finally {
      group.shutdownGracefully(0, 0, TimeUnit.SECONDS).sync();
    }
  }

  private static Channel connect(
      EventLoopGroup group, LocalAddress address, BlockingQueue<String> received) throws Exception {
    return new Bootstrap()
        .group(group)
        .channel(LocalChannel.class)
        .handler(
            new SimpleChannelInboundHandler<ByteBuf>() {
              @Override
              protected void channelRead0(ChannelHandlerContext ctx, ByteBuf bytes) {
                while (bytes.isReadable()) {
                  int length = bytes.readInt();
                  received.add(bytes.readCharSequence(length, StandardCharsets.UTF_8).toString());
                }
              }
            })
        .connect(address)
        .sync()
        .channel();
  }

  @Test
  void nameIsFreeAgainAfterTheStop() {
    echo("local://again").start().close();
    try (Server server = echo("local://again").start()) {
      assertThat(server.addresses()).hasSize(1);
    }
  }

  @Test
  void nameInUseIsRefused() {
    try (Server first = echo("local://taken").start()) {
      assertThat(first.addresses()).hasSize(1);
      assertThatThrownBy(() -> echo("local://taken").start())
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageStartingWith("cannot listen on local://taken: address already in use");
    }
  }

  @Test
  void socketsAreRefusedOnTheLocalTransport() {
    assertThatThrownBy(() -> echo("tcp://127.0.0.1:0").start())
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(
            "cannot listen on tcp://127.0.0.1:0: transport: LOCAL (expected: one with sockets)");
    assertThatThrownBy(() -> echo("unix:///tmp/no-such.sock").start())
        .hasMessage(
            "cannot listen on unix:///tmp/no-such.sock:"
                + " transport: LOCAL (expected: one with sockets)");
    assertThatThrownBy(() -> echo("udp://127.0.0.1:0").start())
        .hasMessage(
            "cannot listen on udp://127.0.0.1:0: transport: LOCAL (expected: one with sockets)");
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void localAddressIsRefusedOnOtherTransports(Transport transport) {
    assertThatThrownBy(() -> echo("local://here").transport(transport).start())
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(
            "cannot listen on local://here: transport: %s (expected: LOCAL, for an address local://)",
            transport);
  }
}
