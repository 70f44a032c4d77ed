package dev.jev;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The warm-up of the first connection. */
class ConnectionWarmUpTest {

  /** A server that echoes texts, and publishes them. */
  public static final class EchoServer implements ColdStart.Running {

    private final Topic<String> topic = Topic.of("texts");
    private final Server server =
        Server.<String, String>builder(
                Texts::new,
                new Handler<String, String>() {
                  @Override
                  public void onConnect(Connection<String> connection) {
                    topic.subscribe(connection);
                  }

                  @Override
                  public void onMessage(Connection<String> connection, String message) {
                    connection.send(message);
                    topic.publish(message);
                  }
                })
            .transport(Transport.NIO)
            .eventLoops(1)
            .listen("tcp://127.0.0.1:0")
            .start();

    @Override
    public int getAsInt() {
      return server.port();
    }

    @Override
    public void close() {
      server.close();
    }
  }

  @Test
  void firstConnectionLoadsHardlyAnyClassOnItsEventLoop() throws Exception {
    List<String> loaded =
        ColdStart.loadedByFirstConnection(
            EchoServer.class,
            socket -> {
              socket.getOutputStream().write("\0\0\0\2hi".getBytes(UTF_8));
              assertThat(new String(socket.getInputStream().readNBytes(12), UTF_8))
                  .isEqualTo("\0\0\0\2hi\0\0\0\2hi");
            });
    assertThat(loaded).hasSizeLessThan(10); // 61 without it
  }
}
