package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class WsBroadcastIT {

  private static long nanos(String message) {
    assertThat(message).matches("[0-9]{19} {81}");
    return Long.parseLong(message.strip());
  }

  @Test
  void everybodyIsToldTheTimeEveryPeriod() throws Exception {
    try (Program server =
        Sample.server("ws-broadcast", "--port", "0", "--period-ms", "20", "--size", "100")) {
      WebSocketTexts one = WebSocketTexts.connect(server, "/");
      WebSocketTexts other = WebSocketTexts.connect(server, "/");
      String shared = other.next();
      long begin = nanos(one.expect(shared).next());
      assertThat(Math.abs(Instant.now().toEpochMilli() - begin / 1_000_000)).isLessThan(30_000);
      long last = begin;
      for (int i = 0; i < 10; i++) {
        long next = nanos(one.next());
        assertThat(next).isGreaterThan(last);
        last = next;
      }
      assertThat(last - begin).isGreaterThan(150_000_000);
      assertThat(nanos(other.next())).isGreaterThan(nanos(shared));
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(one.code()).isEqualTo(1001);
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void sizeThatHasNoRoomForTheTimeIsRefused() throws Exception {
    try (Program server = Sample.start("ws-broadcast", "--port", "0", "--size", "19")) {
      assertThat(server.exitStatus()).isEqualTo(1);
      assertThat(server.errors())
          .containsExactly("samples ws-broadcast: size: 19 bytes (expected: 20..1048576)");
    }
  }
}
