package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Event loops that several servers share. */
class EventLoopsTest {

  private static Server start(EventLoops eventLoops, Handler<String, String> handler) {
    return Server.builder(Texts::new, handler)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(eventLoops)
        .start();
  }

  private static long loopThreads() {
    return Eventually.serverThreads().stream().filter(name -> name.startsWith("jev-loop")).count();
  }

  @Test
  void serversShareThemAndTheOwnerEndsThem() throws Exception {
    try (EventLoops loops = EventLoops.builder().count(2).transport(Transport.NIO).start()) {
      assertThat(loops.count()).isEqualTo(2);
      assertThat(loops.transport()).isEqualTo(Transport.NIO);
      Recorder<String, String> stays = new Recorder<>(Connection::send);
      try (Server first = start(loops, Connection::send);
          Server second = start(loops, stays)) {
        assertThat(first.transport()).isEqualTo(Transport.NIO);
        assertThat(first.eventLoops()).isSameAs(second.eventLoops());
        try (RawPeer one = RawPeer.connect(first);
            RawPeer two = RawPeer.connect(second)) {
          assertThat(one.send("1").receive()).isEqualTo("1");
          assertThat(two.send("2").receive()).isEqualTo("2");
          assertThat(loopThreads()).isEqualTo(2);
          first.stop(Duration.ofSeconds(1));
          one.expectEnd();
          first.awaitStop();
          assertThat(first.connectionCount()).isZero();
          assertThat(two.send("3").receive()).isEqualTo("3");
          assertThat(second.connectionCount()).isEqualTo(1);
        }
      }
      assertThat(loopThreads()).isEqualTo(2);
    }
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void closingThemStopsTheServersThatUseThem() throws Exception {
    EventLoops loops = EventLoops.builder().start();
    Recorder<String, String> recorder = Recorder.silent();
    Server server = start(loops, recorder);
    try (RawPeer peer = RawPeer.connect(server)) {
      recorder.connection();
      loops.close();
      peer.expectEnd();
      recorder.expect("connect", "close SERVER_STOPPED");
    }
    server.awaitStop();
    Eventually.noServerThreadIsLeft();
    assertThatIllegalStateException()
        .isThrownBy(() -> start(loops, recorder))
        .withMessage("event loops are closed; create new ones");
  }

  @Test
  void theyCanBeClosedFromACallback() throws Exception {
    EventLoops loops = EventLoops.builder().start();
    Recorder<String, String> recorder = new Recorder<>((connection, message) -> loops.close());
    Server server = start(loops, recorder);
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("end").expectEnd();
    }
    server.awaitStop();
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void sharedOnesHaveOptionsOfTheirOwn() {
    try (EventLoops loops = EventLoops.builder().count(1).start()) {
      assertThatIllegalStateException()
          .isThrownBy(
              () ->
                  Server.builder(Texts::new, Connection::send)
                      .listen("tcp://127.0.0.1:0")
                      .eventLoops(loops)
                      .eventLoops(3)
                      .start())
          .withMessage(
              "shared event loops have their own count, transport and blockedLoopThreshold;"
                  + " set these on EventLoops.builder()");
    }
  }

  @Test
  void badOptionsAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> EventLoops.builder().count(0))
        .withMessage("eventLoops: 0 (expected: 1..1024)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> EventLoops.builder().blockedLoopThreshold(Duration.ZERO))
        .withMessage("blockedLoopThreshold: PT0S (expected: > PT0S and <= PT87600H)");
  }
}
