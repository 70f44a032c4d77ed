package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The end of a peer that closes its socket before the connection has handled its messages. */
class TlsPausedEndTest {

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;

  private final CountDownLatch closed = new CountDownLatch(1);

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
    localhost = certificates.pem("localhost");
  }

  /** Resumes reading after the FIN, which comes after TLS's own end of the input. */
  private static final class ResumeAtFin implements Plugin {

    @Override
    public Stage stage() {
      return Stage.TRANSFORM;
    }

    @Override
    public Observer install(Link link) {
      link.pipeline()
          .addLast(
              new ChannelInboundHandlerAdapter() {
                private int ends;

                @Override
                public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
                  ctx.fireUserEventTriggered(event);
                  if (event instanceof ChannelInputShutdownEvent && ++ends == 2) {
                    link.connection().resumeReading();
                  }
                }
              });
      return new Observer() {};
    }
  }

  private void awaitPeerClosed() {
    try {
      assertThat(closed.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Returns messages with a close_notify, which arrive together. */
  private static byte[] lastWords(EnginePeer engine) throws Exception {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(engine.wrap(RawPeer.frames("1", "2", "3")));
    all.writeBytes(engine.closeNotify());
    return all.toByteArray();
  }

  /** The answer to the peer's close_notify makes its closed socket send a reset. */
  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void messagesBeforeTheCloseNotifyAreDelivered(Tls.Provider provider) throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              if (message.equals("1")) {
                connection.pauseReading();
                awaitPeerClosed();
              }
            });
    try (Server server =
        Server.builder(Texts::new, recorder)
            .plugin(
                Tls.server()
                    .provider(provider)
                    .protocols("TLSv1.2") // in which all engines answer
                    .identity(localhost)
                    .build())
            .plugin(new ResumeAtFin())
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofSeconds(20))
            .start()) {
      RawPeer peer = RawPeer.connect(server);
      EnginePeer engine =
          new EnginePeer(certificates.clientContext(null), "localhost").handshake(peer);
      recorder.expect("connect");
      peer.write(lastWords(engine));
      recorder.expect("message 1");
      peer.close();
      closed.countDown();
      recorder.expect("message 2", "message 3", "close PEER_CLOSED");
      recorder.expectNothingMore();
    }
  }

  @Test
  void lossOfMessagesThatAreQueuedIsNoOrderlyEnd() throws Exception {
    ExecutorService worker = Executors.newSingleThreadExecutor();
    Recorder<String, String> recorder = new Recorder<>((connection, message) -> awaitPeerClosed());
    try (Server server =
        Server.builder(Texts::new, recorder.offload(worker))
            .plugin(Tls.server().provider(Tls.Provider.JDK).identity(localhost).build())
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .start()) {
      RawPeer peer = RawPeer.connect(server);
      EnginePeer engine =
          new EnginePeer(certificates.clientContext(null), "localhost").handshake(peer);
      recorder.expect("connect");
      Connection<String> connection = recorder.connection();
      peer.write(lastWords(engine));
      recorder.expect("message 1");
      peer.reset();
      Eventually.holds(
          "the reset is noticed",
          () -> {
            connection.send("reply");
            return server.connectionCount() == 0;
          });
      closed.countDown();
      recorder.expect("close IO_ERROR");
      recorder.expectNothingMore();
    } finally {
      worker.shutdown();
    }
  }
}
