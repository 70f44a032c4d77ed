package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.ColdStart;
import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.Transport;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** The first connection whose protocol brings a library. */
class JsonColdStartTest {

  /** A server that echoes JSON. */
  public static final class EchoServer implements ColdStart.Running {

    private final Server server =
        Server.builder(Protocols::jsonLines, Connection::send)
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
  void firstConnectionDoesNotInitializeJackson() throws Exception {
    List<String> loaded =
        ColdStart.loadedByFirstConnection(
            EchoServer.class,
            socket -> {
              socket.getOutputStream().write("[1]\n".getBytes(UTF_8));
              assertThat(new String(socket.getInputStream().readNBytes(4), UTF_8))
                  .isEqualTo("[1]\n");
            });
    assertThat(loaded).doesNotContain(JsonMapper.class.getName()).isNotEmpty();
  }
}
