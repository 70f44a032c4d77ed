package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.IdleReaper;
import dev.jev.plugin.Limits;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs the code of docs/tuning.md: each of its Java blocks is a region of this class. */
@Timeout(60)
class TuningGuideTest {

  // region facts
  static String facts(Server server) {
    return server.transport() + ", " + server.eventLoops().count() + " event loops";
  }

  // endregion

  // region small
  static Server startForMany(Handler<String, String> handler, String uri) {
    return Server.builder(Protocols::lines, handler)
        .maxConnections(100_000)
        .maxFrameBytes(16 * 1024) // of input, per connection
        .writeWatermarks(8 * 1024, 32 * 1024) // of output, per connection
        .maxPendingBytes(64 * 1024)
        .plugin(Limits.builder().bufferBudget(256L * 1024 * 1024).writeStallTimeout().build())
        .plugin(IdleReaper.readIdle(Duration.ofMinutes(5)))
        .listen(uri)
        .start();
  }

  // endregion

  private final BlockingQueue<CloseReason> reasons = new LinkedBlockingQueue<>();

  private final class Flood implements Handler<String, String> {

    @Override
    public void onMessage(Connection<String> connection, String line) {
      String answer = line.repeat(8192);
      int sent = 0;
      while (sent < 4096 && connection.send(answer)) {
        sent++;
      }
    }

    @Override
    public void onClose(Connection<String> connection, CloseReason reason) {
      reasons.add(reason);
    }
  }

  @Test
  void pendingOutputAndFramesAreLimited() throws Exception {
    try (Server server = startForMany(new Flood(), "tcp://127.0.0.1:0");
        RawClient slow = new RawClient(server.port());
        RawClient lengthy = new RawClient(server.port())) {
      slow.sends("x\n"); // and reads nothing
      assertThat(kind()).isEqualTo(Kind.OVERFLOW);
      lengthy.sends("x".repeat(16 * 1024 + 1));
      assertThat(kind()).isEqualTo(Kind.PROTOCOL_ERROR);
    }
  }

  private Kind kind() throws InterruptedException {
    CloseReason reason = reasons.poll(20, TimeUnit.SECONDS);
    assertThat(reason).isNotNull();
    return reason.kind();
  }

  @Test
  void serverTellsItsTransportAndEventLoops() {
    try (Server server =
        Server.builder(Protocols::lines, new Flood())
            .eventLoops(3)
            .listen("tcp://127.0.0.1:0")
            .start()) {
      assertThat(facts(server)).matches("(EPOLL|KQUEUE|NIO), 3 event loops");
    }
  }

  @Test
  void documentShowsThisCode() throws Exception {
    Snippets.expectShown("docs/tuning.md", TuningGuideTest.class);
  }
}
