package dev.jev.samples.redis;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import dev.jev.samples.Sample;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checks the expected conversations against a real Redis 7, if one is installed. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@CallsPrograms
class RedisConversationIT {

  private static final String TYPED =
      """
      FLUSHALL
      PING
      PING hello
      ECHO "a b\\x00\\xff"
      SET a 1 EX 100
      SET a 2 NX
      SET b "hello world" XX
      GET a
      GET nosuch
      get
      INCR a
      DECR a
      INCRBY a 40
      INCR l
      MSET b 2 c 3
      MGET a nosuch b
      EXISTS a b nosuch
      DEL a nosuch
      RPUSH l a b c d
      LPUSH l z
      LRANGE l 0 -1
      LRANGE nosuch 0 -1
      LLEN l
      LPOP l
      RPOP l
      LPOP l 2
      LPOP nosuch
      LPOP nosuch 2
      RPUSH l x
      GET l
      DBSIZE
      SELECT 0
      SELECT 99
      CONFIG GET save
      CONFIG GET nosuch
      CONFIG GET appendonly
      COMMAND DOCS nosuch
      CLIENT GETNAME
      CLIENT SETNAME me
      CLIENT GETNAME
      CLIENT FOO
      AUTH default x
      AUTH a b
      HELLO 4
      HELLO 3 FOO
      NOSUCH a b
      FLUSHDB
      DBSIZE
      """;

  @TempDir private static Path directory;
  private Program redis;

  @BeforeAll
  void start() throws Exception {
    String[] command = {
      "redis-server", "--port", "0", "--unixsocket", socket().toString(), "--save", ""
    };
    redis = Program.start(command);
    String line = redis.line();
    boolean isVersion7 = false;
    while (!line.contains("The server is now ready to accept connections at")) {
      isVersion7 |= line.contains("Redis version=7.");
      line = redis.line();
    }
    if (!isVersion7) {
      Program.skip("redis-server of version 7", "redis-server");
    }
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

  static List<Conversation> versionedConversations() {
    return Conversation.VERSIONED;
  }

  @ParameterizedTest
  @MethodSource("versionedConversations")
  void redisRepliesWhatTheTestsExpectInTheVersionAskedFor(Conversation conversation)
      throws Exception {
    assertThat(answer("FLUSHALL\r\n")).isEqualTo("+OK\r\n");
    assertThat(Conversation.withoutIds(answer(conversation.request())))
        .isEqualTo(conversation.reply());
  }

  @ParameterizedTest
  @ValueSource(strings = {"-2", "-3"})
  void redisCliShowsTheSameOfBoth(String version) throws Exception {
    try (Program sample = Sample.server("redis", "--port", "0")) {
      List<String> ofRedis = cli(version, "-s", socket().toString());
      List<String> ofSample = cli(version, "-p", String.valueOf(sample.port()));
      assertThat(ofSample).isEqualTo(ofRedis).hasSizeGreaterThan(40);
      assertThat(ofRedis.contains("1# \"save\" => \"\"")).isEqualTo(version.equals("-3"));
      assertThat(sample.terminate().exitStatus()).isZero();
    }
  }

  private static List<String> cli(String... options) throws Exception {
    List<String> command = new ArrayList<>(List.of("redis-cli", "--no-raw"));
    command.addAll(List.of(options));
    try (Program cli = Program.start(command.toArray(String[]::new))) {
      assertThat(cli.types(TYPED).exitStatus()).isZero();
      assertThat(cli.errors()).isEmpty();
      return cli.output();
    }
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
