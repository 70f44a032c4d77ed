package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.ServerStats;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Diagnostics;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Runs the code of docs/diagnostics.md: each of its Java blocks is a region of this class. */
class DiagnosticsGuideTest {

  private final BlockingQueue<String> alarms = new LinkedBlockingQueue<>();
  private final CountDownLatch release = new CountDownLatch(1);

  private Server start(Handler<String, String> handler, int port) {
    // region lag
    Diagnostics diagnostics =
        Diagnostics.create(blocked -> alarm(blocked.loop() + " is in " + blocked.stack().get(0)));
    Server server =
        Server.builder(Protocols::lines, handler)
            .plugin(diagnostics)
            .blockedLoopThreshold(Duration.ofMillis(100)) // the lag is measured every 50 ms
            .listen("tcp://:" + port)
            .start();
    server.runEvery(
        Duration.ofMinutes(1), () -> diagnostics.loopLags().forEach(lag -> print(lag.toString())));
    // endregion
    return server;
  }

  // region stats
  static String summary(Server server) {
    ServerStats stats = server.stats(); // counted by the plugin Diagnostics
    return "%d connections, %d messages, refused: %s"
        .formatted(stats.connections(), stats.messagesReceived(), stats.refused());
  }

  // endregion

  private void alarm(String text) {
    alarms.add(text);
  }

  private static void print(String text) {
    System.out.println(text);
  }

  private void block(Connection<String> connection, String line) {
    try {
      assertThat(release.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    connection.send(line);
  }

  @Test
  void blockedLoopRaisesAnAlarm() throws Exception {
    try (Server server = start(this::block, 0);
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.getOutputStream().write("hi\n".getBytes(StandardCharsets.UTF_8));
      assertThat(alarms.poll(20, TimeUnit.SECONDS)).startsWith("jev-loop-").contains(" is in ");
      release.countDown();
      BufferedReader in =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
      assertThat(in.readLine()).isEqualTo("hi");
      while (!summary(server).equals("1 connections, 1 messages, refused: {}")) {
        Thread.onSpinWait(); // counted at the end of the batch
      }
    }
  }

  @Test
  void codeOfTheGuideIsThatOfThisClass() throws Exception {
    Snippets.expectShown("docs/diagnostics.md", DiagnosticsGuideTest.class);
  }
}
