package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Program;
import dev.jev.Server;
import dev.jev.codec.NettyCodec;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.json.JsonMapper;

/** The command bench beside the programs that people know. */
@CallsPrograms
@Timeout(60)
class BenchAgreementTest {

  /** Only a wrong count or unit is further off on a machine that does other work, too. */
  private static final double FACTOR = 4;

  private static void isNear(double perSecond, String... arguments) {
    CommandRun run = CommandRun.of("", arguments);
    double measured = JsonMapper.shared().readTree(run.out()).get("messagesPerSecond").asDouble();
    assertThat(measured).isBetween(perSecond / FACTOR, perSecond * FACTOR);
  }

  @Test
  void redisBenchmarkCountsAsManyCommands() throws Exception {
    Handler<RespCommand, RespValue> pong = (connection, command) -> connection.send(RespValue.PONG);
    try (Server server =
        Server.builder(Protocols::resp, pong).listen("tcp://127.0.0.1:0").start()) {
      String port = "" + server.port();
      byte[] output =
          Program.run(
              new byte[0],
              "redis-benchmark",
              "--csv",
              "-p",
              port,
              "-t",
              "ping_mbulk",
              "-c",
              "10",
              "-n",
              "20000");
      Matcher row =
          Pattern.compile("\"PING_MBULK\",\"([0-9.]+)\"").matcher(new String(output, UTF_8));
      assertThat(row.find()).isTrue();
      isNear(
          Double.parseDouble(row.group(1)),
          "bench",
          "--json",
          "--protocol=resp",
          "--connections=10",
          "--seconds=2",
          "127.0.0.1:" + port);
    }
  }

  @Test
  void wrkCountsAsManyRequests() throws Exception {
    Handler<FullHttpRequest, Object> hello = (connection, request) -> answer(connection);
    try (Server server =
        Server.builder(
                NettyCodec.of(
                    FullHttpRequest.class,
                    () -> List.of(new HttpServerCodec(), new HttpObjectAggregator(1024))),
                hello)
            .listen("tcp://127.0.0.1:0")
            .start()) {
      String uri = "http://127.0.0.1:" + server.port() + "/";
      byte[] output = Program.run(new byte[0], "wrk", "-t1", "-c10", "-d2", uri);
      Matcher rate = Pattern.compile("Requests/sec: +([0-9.]+)").matcher(new String(output, UTF_8));
      assertThat(rate.find()).isTrue();
      isNear(
          Double.parseDouble(rate.group(1)),
          "bench",
          "--json",
          "--connections=10",
          "--seconds=2",
          uri);
    }
  }

  private static void answer(Connection<Object> connection) {
    DefaultFullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.OK,
            Unpooled.wrappedBuffer("hello".getBytes(UTF_8)));
    HttpUtil.setContentLength(response, 5);
    connection.send(response);
  }
}
