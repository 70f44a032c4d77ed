package dev.jev.samples;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** That the conversations are those of a real Redis 7, if there is one on this machine. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RedisConversationIT {

  @TempDir private static Path directory;
  private Program redis;

  @BeforeAll
  void start() throws Exception {
    assumeTrue(Program.isOnPath("redis-server"), "redis-server is not installed");
    String[] command = {
      "redis-server", "--port", "0", "--unixsocket", socket().toString(), "--save", ""
    };
    redis = Program.tool(command);
    String line = redis.line();
    boolean isVersion7 = false;
    while (!line.contains("The server is now ready to accept connections at")) {
      isVersion7 |= line.contains("Redis version=7.");
      line = redis.line();
    }
    assumeTrue(isVersion7, "redis-server is not of version 7");
  }

  @AfterAll
  void stop() throws Exception {
    if (redis != null) {
      try (Program redis = this.redis) {
        redis.terminate().exitStatus();
      }
    }
  }

  static List<Conversation> conversations() {
    return Conversation.ALL;
  }

  @ParameterizedTest
  @MethodSource("conversations")
  void redisRepliesWhatTheTestsExpect(Conversation conversation) throws Exception {
    assertThat(answer("FLUSHALL\r\n")).isEqualTo("+OK\r\n");
    assertThat(answer(conversation.request())).isEqualTo(conversation.reply());
  }

  private String answer(String request) throws Exception {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(socket()));
      channel.write(ByteBuffer.wrap(request.getBytes(ISO_8859_1)));
      channel.shutdownOutput();
      return new String(Channels.newInputStream(channel).readAllBytes(), ISO_8859_1);
    }
  }

  private static Path socket() {
    return directory.resolve("redis.sock");
  }
}
