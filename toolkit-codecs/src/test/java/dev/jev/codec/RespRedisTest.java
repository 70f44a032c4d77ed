package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.test.TestContext;
import dev.jev.test.UnpackLoop;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The client side of RESP against a real Redis 7, if it is installed. */
@Timeout(60)
@CallsPrograms
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RespRedisTest {

  /** Commands, each answered with one value or more in the requested version. */
  private static final String[] COMMANDS = {
    "PING",
    "PING hello",
    "ECHO \"\\x00\\r\\n\\xff\"",
    "NOSUCH \"\\xc3\\xbc\"",
    "SET s 1",
    "SET s 2 NX",
    "GET s",
    "GET nosuch",
    "INCRBY s -5",
    "SETRANGE long 100000 x",
    "GET long",
    "RPUSH l a b c",
    "LRANGE l 0 -1",
    "LRANGE nosuch 0 -1",
    "LPOP nosuch 2",
    "LPOS l x",
    "LPOS l a COUNT 0",
    "LCS s l",
    "HSET h f1 v1 f2 v2",
    "HGETALL h",
    "HGETALL nosuch",
    "HMGET h f1 nosuch",
    "HRANDFIELD h 2 WITHVALUES",
    "SADD set a b c",
    "SMEMBERS set",
    "SMISMEMBER set a x",
    "SPOP set 1",
    "ZADD z 1.5 a 2 b inf c -inf d 1e300 e 0.25 f",
    "ZADD z INCR 1 a",
    "ZRANGE z 0 -1 WITHSCORES",
    "ZSCORE z a",
    "ZSCORE z c",
    "ZMSCORE z a nosuch",
    "ZRANDMEMBER z 2 WITHSCORES",
    "ZPOPMIN z",
    "ZPOPMAX z 2",
    "ZMPOP 1 z MAX",
    "XADD x 1-1 f v g w",
    "XADD x 1-2 f v",
    "XRANGE x - +",
    "XREAD COUNT 2 STREAMS x 0",
    "XREAD STREAMS x 9",
    "XGROUP CREATE x group 0",
    "XREADGROUP GROUP group me STREAMS x >",
    "XPENDING x group",
    "XINFO STREAM x FULL",
    "XINFO GROUPS x",
    "GEOADD g 13.361389 38.115556 a 15.087269 37.502669 b",
    "GEOPOS g a nosuch",
    "GEODIST g a b",
    "GEOSEARCH g FROMMEMBER a BYRADIUS 999 km ASC WITHCOORD WITHDIST WITHHASH",
    "CONFIG GET save",
    "CONFIG GET *",
    "COMMAND",
    "COMMAND COUNT",
    "COMMAND DOCS get set xinfo",
    "COMMAND INFO get nosuch",
    "COMMAND GETKEYS set a b",
    "CLIENT LIST",
    "CLIENT INFO",
    "CLIENT GETNAME",
    "CLIENT TRACKINGINFO",
    "CLIENT KILL ID 999999",
    "ACL GETUSER default",
    "ACL LIST",
    "INFO",
    "INFO keyspace",
    "MEMORY STATS",
    "MEMORY DOCTOR",
    "LATENCY DOCTOR",
    "LATENCY HISTOGRAM",
    "SLOWLOG GET 2",
    "FUNCTION STATS",
    "FUNCTION LIST",
    "SCAN 0",
    "TIME",
    "ROLE",
    "OBJECT ENCODING l",
    "OBJECT HELP",
    "MODULE LIST",
    "MULTI",
    "GET s",
    "HGETALL h",
    "LPUSH s x",
    "EXEC",
    "EVAL \"return {1,{'a',{false,'b'}},redis.status_reply('fine'),redis.error_reply('ERR x')}\" 0",
    "EVAL \"redis.setresp(3) return {double=3.5}\" 0",
    "EVAL \"redis.setresp(3) return {map={a=1},set={b=true}}\" 0",
    "EVAL \"redis.setresp(3) return {map={a={set={b=true}}}}\" 0",
    "EVAL \"redis.setresp(3) return {big_number={format='x'}}\" 0",
    "EVAL \"redis.setresp(3) return {big_number='123456789012345678901234567890'}\" 0",
    "EVAL \"redis.setresp(3) return {verbatim_string={format='mkd',string='# a'}}\" 0",
    "EVAL \"redis.setresp(3) return {true,false,redis.call('hgetall',KEYS[1])}\" 1 h",
    "DEBUG PROTOCOL string",
    "DEBUG PROTOCOL integer",
    "DEBUG PROTOCOL double",
    "DEBUG PROTOCOL null",
    "DEBUG PROTOCOL array",
    "DEBUG PROTOCOL set",
    "DEBUG PROTOCOL map",
    "DEBUG PROTOCOL attrib",
    "DEBUG PROTOCOL push",
    "DEBUG PROTOCOL verbatim",
    "DEBUG PROTOCOL true",
    "DEBUG PROTOCOL false",
    "DEBUG PROTOCOL bignum"
  };

  @TempDir private static Path directory;
  private RedisServer redis;

  @BeforeAll
  void start() throws Exception {
    redis = RedisServer.start(directory);
  }

  @AfterAll
  void stop() throws Exception {
    if (redis != null) {
      redis.close();
    }
  }

  @BeforeEach
  void empty() throws Exception {
    assertThat(redis.answer("FLUSHALL\r\n")).isEqualTo("+OK\r\n");
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void everyReplyIsUnderstoodAndPackedAsItCame(int version) throws Exception {
    String hello = "HELLO " + version + "\r\n";
    String bytes = redis.answer(hello + String.join("\r\n", COMMANDS) + "\r\n");
    List<RespValue> values = unpack(bytes);
    // In RESP3, one command causes a push, which a reply follows.
    assertThat(values).hasSize(1 + COMMANDS.length + (version == 3 ? 1 : 0));
    assertThat(values.get(0))
        .isInstanceOf(version == 3 ? RespValue.Map.class : RespValue.Array.class);
    assertThat(shortened(pack(values))).isEqualTo(shortened(bytes));
    try (Peer<RespValue, RespCommand> peer = new Peer<>(Protocols.respClient(), 1 << 20)) {
      peer.sendsOneByOne(bytes);
      assertThat(peer.refusal()).isEmpty();
      assertThat(peer.messages()).isEqualTo(values.stream().map(RespValue::toString).toList());
    }
  }

  static Stream<Arguments> kinds() {
    RespValue text = RespValue.bulk("Some real reply following the attribute");
    RespValue isFalse = RespValue.bool(false);
    RespValue[] numbers = {RespValue.integer(0), RespValue.integer(1), RespValue.integer(2)};
    return Stream.of(
        Arguments.of("string", RespValue.bulk("Hello World")),
        Arguments.of("integer", RespValue.integer(12345)),
        Arguments.of("double", RespValue.number(3.141)),
        Arguments.of("null", RespValue.NULL),
        Arguments.of("array", RespValue.array(numbers)),
        Arguments.of("set", RespValue.set(numbers)),
        Arguments.of(
            "map",
            RespValue.map(
                numbers[0], isFalse, numbers[1], RespValue.bool(true), numbers[2], isFalse)),
        Arguments.of(
            "attrib",
            new RespValue.Attributed(
                (RespValue.Map)
                    RespValue.map(
                        RespValue.bulk("key-popularity"),
                        RespValue.array(RespValue.bulk("key:123"), RespValue.integer(90))),
                text)),
        Arguments.of("verbatim", RespValue.verbatim("txt", "This is a verbatim\nstring")),
        Arguments.of("true", RespValue.bool(true)),
        Arguments.of("false", isFalse),
        Arguments.of(
            "bignum",
            RespValue.bigNumber(new BigInteger("1234567999999999999999999999999999999"))));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void kindIsThatOfRedisInBothVersions(String name, RespValue value) throws Exception {
    String command = "DEBUG PROTOCOL " + name + "\r\n";
    assertThat(unpack(redis.answer("HELLO 3\r\n" + command))).element(1).isEqualTo(value);
    assertThat(unpack(redis.answer(command))).containsExactly(value.toResp2());
  }

  @Test
  void scoresAreNumbersInResp3() throws Exception {
    String bytes =
        redis.answer("HELLO 3\r\nZADD z 0.1 a -inf b 3 c 1e300 d\r\nZRANGE z 0 -1 WITHSCORES\r\n");
    assertThat(unpack(bytes))
        .element(2)
        .isEqualTo(
            RespValue.array(
                pair("b", Double.NEGATIVE_INFINITY),
                pair("a", 0.1),
                pair("c", 3),
                pair("d", 1e300)));
  }

  @Test
  void pushesComeBetweenReplies() throws Exception {
    BlockingQueue<RespValue> values = new LinkedBlockingQueue<>();
    try (Client<RespCommand> client =
            Client.builder(
                    Protocols::respClient,
                    (Connection<RespCommand> c, RespValue v) -> values.add(v))
                .connect("unix://" + redis.socket());
        Client<RespCommand> other =
            Client.builder(
                    Protocols::respClient,
                    (Connection<RespCommand> c, RespValue v) -> values.add(v))
                .connect("unix://" + redis.socket())) {
      Connection<RespCommand> connection =
          client.connected().toCompletableFuture().get(30, SECONDS);
      connection.send(RespCommand.of("HELLO", "3"));
      assertThat(((RespValue.Map) next(values)).get("proto")).isEqualTo(RespValue.integer(3));

      connection.send(RespCommand.of("SUBSCRIBE", "news"));
      assertThat(next(values))
          .isEqualTo(push("subscribe", RespValue.bulk("news"), RespValue.integer(1)));
      Connection<RespCommand> second = other.connected().toCompletableFuture().get(30, SECONDS);
      second.send(RespCommand.of("PUBLISH", "news", "hello"));
      assertThat(List.of(next(values), next(values)))
          .containsExactlyInAnyOrder(
              RespValue.integer(1),
              push("message", RespValue.bulk("news"), RespValue.bulk("hello")));

      connection.send(RespCommand.of("CLIENT", "TRACKING", "ON"));
      assertThat(next(values)).isEqualTo(RespValue.OK);
      connection.send(RespCommand.of("GET", "key"));
      assertThat(next(values)).isEqualTo(RespValue.NULL);
      second.send(RespCommand.of("SET", "key", "value"));
      assertThat(List.of(next(values), next(values)))
          .containsExactlyInAnyOrder(
              RespValue.OK, push("invalidate", RespValue.array(RespValue.bulk("key"))));
    }
  }

  private static RespValue next(BlockingQueue<RespValue> values) throws InterruptedException {
    RespValue value = values.poll(30, SECONDS);
    assertThat(value).as("a reply").isNotNull();
    return value;
  }

  private static RespValue push(String kind, RespValue... values) {
    return RespValue.push(
        Stream.concat(Stream.of(RespValue.bulk(kind)), Arrays.stream(values))
            .toArray(RespValue[]::new));
  }

  private static RespValue pair(String member, double score) {
    return RespValue.array(RespValue.bulk(member), RespValue.number(score));
  }

  private static List<RespValue> unpack(String bytes) {
    List<RespValue> values = new ArrayList<>();
    try (var loop =
        new UnpackLoop<>(Protocols.respClient(), new TestContext(), values::add).open()) {
      loop.read(bytes.getBytes(ISO_8859_1));
      assertThat(loop.refusal()).isNull();
      assertThat(loop.unreadBytes()).isZero();
    }
    return values;
  }

  /**
   * Returns the bytes with all doubles in as few digits as possible: Redis 7.0 writes 17 digits for
   * each double that is not exact.
   */
  private static String shortened(String bytes) {
    return Pattern.compile("(?<=\r\n),(-?[0-9][^\r]*)(?=\r\n)")
        .matcher(bytes)
        .replaceAll(
            match -> "," + new RespValue.Float64(Double.parseDouble(match.group(1))).text());
  }

  private static String pack(List<RespValue> values) {
    ByteBuf out = Unpooled.buffer();
    values.forEach(value -> Protocols.resp().pack(value, out));
    String bytes = out.toString(ISO_8859_1);
    out.release();
    return bytes;
  }
}
