package dev.jev.samples.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.RawClient;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The Redis handler over a real socket. Its differences from Redis are tested last. */
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RedisHandlerTest {

  private static final String TOO_LARGE =
      "ERR reply: 16777248 bytes or more (expected: <= 16777216)";

  private final AtomicLong clock = new AtomicLong();
  private final RedisStore store = new RedisStore(clock::get);
  private Server server;

  @BeforeAll
  void start() {
    server =
        Server.builder(Protocols::resp, new RedisHandler(store))
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .start();
  }

  @AfterAll
  void stop() {
    server.close();
  }

  @BeforeEach
  void empty() {
    store.clear();
  }

  static List<Conversation> conversations() {
    return Conversation.ALL;
  }

  @ParameterizedTest
  @MethodSource("conversations")
  void replyIsThatOfRedis(Conversation conversation) throws Exception {
    assertThat(answer(conversation.request())).isEqualTo(conversation.reply());
  }

  static List<Conversation> versionedConversations() {
    return Conversation.VERSIONED;
  }

  @ParameterizedTest
  @MethodSource("versionedConversations")
  void replyIsThatOfRedisInTheVersionAskedFor(Conversation conversation) throws Exception {
    assertThat(Conversation.withoutIds(answer(conversation.request())))
        .isEqualTo(conversation.reply());
  }

  @Test
  void stringExpires() throws Exception {
    assertThat(answer("SET a 1 EX 2\r\nSET b 1 PX 2001\r\nINCR a\r\n"))
        .isEqualTo("+OK\r\n+OK\r\n:2\r\n");
    clock.addAndGet(1_999_999_999);
    assertThat(answer("GET a\r\nEXISTS a b\r\n")).isEqualTo("$1\r\n2\r\n:2\r\n");
    clock.addAndGet(1);
    assertThat(answer("GET a\r\nEXISTS a b\r\nSET a 1 XX\r\nINCR a\r\n"))
        .isEqualTo("$-1\r\n:1\r\n$-1\r\n:1\r\n");
  }

  @Test
  void clientsHaveIdsOfTheirOwn() throws Exception {
    String first = answer("CLIENT ID\r\n");
    assertThat(first).matches(":\\d+\r\n");
    assertThat(answer("CLIENT ID\r\n")).isNotEqualTo(first);
  }

  @Test
  void libraryMayIntroduceItself() throws Exception {
    assertThat(answer("CLIENT SETINFO LIB-NAME jev\r\nCLIENT NO-TOUCH on\r\n"))
        .isEqualTo("+OK\r\n+OK\r\n");
  }

  @Test
  void commandsAreNotDescribed() throws Exception {
    assertThat(answer("COMMAND\r\nCOMMAND DOCS\r\n")).isEqualTo("*0\r\n*0\r\n");
  }

  @Test
  void infoNamesTheVersion() throws Exception {
    assertThat(answer("INFO\r\nINFO server\r\n")).contains("\r\nredis_version:7.0.15\r\n");
    assertThat(answer("HELLO 3\r\nINFO\r\n"))
        .containsPattern("\r\n=\\d+\r\ntxt:# Server\r\nredis_version:7.0.15\r\n");
  }

  @Test
  void replyIsLimitedInLength() throws Exception {
    String value = "x".repeat(32 * 1024);
    String error = "-ERR reply: 16793600 bytes or more (expected: <= 16777216)\r\n";
    assertThat(answer("SET k " + value + "\r\nMGET" + " k".repeat(513) + "\r\nGET k\r\n"))
        .isEqualTo("+OK\r\n" + error + "$" + value.length() + "\r\n" + value + "\r\n");
  }

  @Test
  void replyIsLimitedInNumberOfValues() throws Exception {
    store.push(new byte[] {'l'}, RedisStore.End.LEFT, Collections.nCopies(600_000, new byte[0]));
    assertThat(answer("LRANGE l 0 -1\r\nLRANGE l 0 0\r\n"))
        .isEqualTo("-" + TOO_LARGE + "\r\n*1\r\n$0\r\n\r\n");
  }

  @Test
  void itemsThatAreTooManyForAReplyStayInTheirList() throws Exception {
    store.push(new byte[] {'p'}, RedisStore.End.LEFT, Collections.nCopies(600_000, new byte[0]));
    assertThat(answer("LPOP p 600000\r\nRPOP p 9223372036854775807\r\nLLEN p\r\nRPOP p 1\r\n"))
        .isEqualTo("-" + TOO_LARGE + "\r\n-" + TOO_LARGE + "\r\n:600000\r\n*1\r\n$0\r\n\r\n");
  }

  @Test
  void nameOfAClientIsLimitedInLength() throws Exception {
    String error = "-ERR name: 1025 characters (expected: <= 1024)\r\n";
    assertThat(answer("CLIENT SETNAME " + "a".repeat(1025) + "\r\nCLIENT GETNAME\r\n"))
        .isEqualTo(error + "$-1\r\n");
  }

  @Test
  void thereIsOneDatabase() throws Exception {
    assertThat(answer("SELECT 0\r\nSELECT 1\r\n"))
        .isEqualTo("+OK\r\n-ERR DB index is out of range\r\n");
  }

  @Test
  void keysAreBytesAndTextIsNot() throws Exception {
    String bytes = "SET \"\\xff\" 1\r\nSET \"\\xfe\" 2\r\nGET \"\\xff\"\r\nGET \"\\xfe\"\r\n";
    assertThat(answer(bytes)).isEqualTo("+OK\r\n+OK\r\n$1\r\n1\r\n$1\r\n2\r\n");
    String setup =
        "CLIENT SETNAME \"\\xff\"\r\nAUTH \"\\xff\" x\r\nHELLO 3 \"\\xff\"\r\nNO \"\\xff\"\r\n";
    assertThat(answer(setup + "PING\r\n").lines()).hasSize(5).last().isEqualTo("+PONG");
  }

  private String answer(String request) throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      return client.sends(request).endsOutput().receivesAll();
    }
  }
}
