package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The samples that answer later, from other threads, or only some clients. */
@Timeout(180)
class AnswersIT {

  @Test
  void wakeAnswersExecLaterAndOtherLinesMeanwhile() throws Exception {
    try (Program server = Sample.server("wake", "--port", "0", "--delay-ms", "200");
        RawClient client = new RawClient(server.port())) {
      client.sends("exec\nnothing\r\n");
      assertThat(client.receivesLine()).isEqualTo("job 1 has begun");
      assertThat(client.receivesLine()).isEqualTo("not a command: nothing");
      assertThat(client.receivesLine()).isEqualTo("job 1 is done");
      try (RawClient impatient = new RawClient(server.port())) {
        impatient.sends("exec\n");
        assertThat(impatient.receivesLine()).isEqualTo("job 2 has begun");
      }
      client.sends("exec\n");
      assertThat(client.receivesLine()).isEqualTo("job 3 has begun");
      assertThat(client.receivesLine()).isEqualTo("job 3 is done");
      client.leaves();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void maxConnectionsRefusesTheNextClientUntilOneHasGone() throws Exception {
    try (Program server = Sample.server("max-connections", "--port", "0", "--max", "2")) {
      try (RawClient first = new RawClient(server.port());
          RawClient second = new RawClient(server.port())) {
        assertThat(first.sends("a").receives(1)).isEqualTo("a");
        assertThat(second.sends("b").receives(1)).isEqualTo("b");
        try (RawClient third = new RawClient(server.port())) {
          assertThat(third.receivesAll()).isEmpty();
        }
        assertThat(first.sends("c").endsOutput().receivesAll()).isEqualTo("c");
        try (RawClient third = new RawClient(server.port())) {
          assertThat(third.sends("d").receives(1)).isEqualTo("d");
        }
        assertThat(second.sends("e").receives(1)).isEqualTo("e");
      }
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors())
          .filteredOn(line -> line.startsWith("WARNING"))
          .singleElement()
          .asString()
          .contains("connection refused: limit of 2 reached");
    }
  }

  @Test
  @CallsPrograms
  void sendAsyncPrintsWhatBecameOfEachMessage() throws Exception {
    try (Program server = Sample.server("send-async", "--port", "0");
        Program nc = Program.start("nc", "127.0.0.1", String.valueOf(server.port()))) {
      nc.typesAndWaits("hello\n");
      assertThat(nc.line()).isEqualTo("hello");
      assertThat(server.line()).isEqualTo("hello: TAKEN, written");
      nc.typesAndWaits("bye\n");
      assertThat(server.line()).isEqualTo("bye: CLOSED, not written");
      nc.kill();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void workerPoolServesManyAtATimeAndEachInOrder() throws Exception {
    List<RawClient> clients = new ArrayList<>();
    try (Program server =
        Sample.server("worker-pool", "--port", "0", "--workers", "8", "--work-ms", "400")) {
      for (int i = 0; i < 8; i++) {
        clients.add(new RawClient(server.port()));
      }
      long start = System.nanoTime();
      for (RawClient client : clients) {
        client.sends("one\ntwo\nthree\n");
      }
      for (RawClient client : clients) {
        for (String line : List.of("one", "two", "three")) {
          assertThat(client.receivesLine()).matches(line + ", by pool-1-thread-\\d");
        }
        client.close();
      }
      // Sequentially they would take 9.6 s, and 1.2 s in parallel.
      assertThat(System.nanoTime() - start).isLessThan(9_000_000_000L);
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  @CallsPrograms
  void countedReportsTheMessagesOfEachAddressAndClosesWhoSendsTooMany() throws Exception {
    try (Program server = Sample.server("counted", "--port", "0", "--max-messages", "5")) {
      String port = String.valueOf(server.port());
      try (Program nc = Program.start("nc", "-N", "127.0.0.1", port)) {
        nc.types("a\nb\nreport\n");
        assertThat(nc.exitStatus()).isZero();
        assertThat(nc.output()).containsExactly("a", "b", "127.0.0.1: 3 messages");
      }
      try (Program nc = Program.start("nc", "-N", "127.0.0.1", port)) {
        nc.types("c\nd\ne\nf\n");
        assertThat(nc.exitStatus()).isZero();
        assertThat(nc.output()).containsExactly("c", "d");
      }
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }
}
