package dev.jev.samples;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import dev.jev.codec.Protocols;
import dev.jev.test.ProtocolContract;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The samples of the toolkit's plugins. */
@Timeout(180)
class PluginsIT {

  @Test
  void idleConnectionIsClosedAndOneThatTalksIsNot() throws Exception {
    try (Program server = Sample.server("idle", "--port", "0", "--timeout-ms", "5000");
        RawClient talker = new RawClient(server.port())) {
      long start = System.nanoTime();
      RawClient silent = new RawClient(server.port());
      Thread talk =
          new Thread(
              () -> {
                try {
                  for (int i = 0; i < 60; i++) {
                    assertThat(talker.sends("hello\n").receivesLine()).isEqualTo("hello");
                    TimeUnit.MILLISECONDS.sleep(100);
                  }
                } catch (Exception e) {
                  throw new AssertionError(e);
                }
              });
      talk.start();
      assertThat(silent.receivesAll()).isEmpty();
      assertThat(System.nanoTime() - start).isGreaterThan(4_900_000_000L);
      talk.join();
      assertThat(talker.sends("still here\n").receivesLine()).isEqualTo("still here");
      silent.leaves();
      talker.leaves();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void limitedKeepsEachAddressAndEachConnectionWithinItsBounds() throws Exception {
    try (Program server =
            Sample.server("limited", "--port", "0", "--per-second", "10", "--first-ms", "3000");
        RawClient fast = new RawClient(server.port())) {
      long start = System.nanoTime();
      fast.sends("line\n".repeat(10));
      assertThat(fast.receives(50)).isEqualTo("line\n".repeat(10));
      assertThat(System.nanoTime() - start).isGreaterThan(800_000_000L);
      try (RawClient silent = new RawClient(server.port());
          RawClient third = new RawClient(server.port())) {
        assertThat(third.receivesAll()).isEmpty();
        assertThat(silent.receivesAll()).isEmpty(); // no first line in time
      }
      fast.leaves();
      assertThat(server.terminate().exitStatus()).isZero();
    }
  }

  @Test
  @CallsPrograms
  void proxiedKnowsTheClientOfTheProxy() throws Exception {
    try (Program server = Sample.server("proxied", "--port", "0")) {
      String port = String.valueOf(server.port());
      try (Program nc = Program.start("nc", "-N", "127.0.0.1", port)) {
        nc.types("PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\nhello\n");
        assertThat(nc.line()).isEqualTo("/192.0.2.7:50000 says: hello");
      }
      try (Program nc = Program.start("nc", "-N", "127.0.0.1", port)) {
        nc.types("hello\n");
        assertThat(nc.line()).matches("/127\\.0\\.0\\.1:\\d+ says: hello");
      }
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  @CallsPrograms
  void gzipAndGunzipTalkToCompressed() throws Exception {
    Program.require("gzip", "gunzip");
    expectCompressed("gzip -c", "gunzip -c");
  }

  @Test
  @CallsPrograms
  void zstdTalksToCompressed() throws Exception {
    Program.require("zstd");
    expectCompressed("zstd -c", "zstd -dc", "--zstd");
  }

  private static void expectCompressed(String pack, String unpack, String... options)
      throws Exception {
    Program.require("nc");
    String[] arguments =
        List.of("compressed", "--port", "0").toArray(new String[3 + options.length]);
    System.arraycopy(options, 0, arguments, 3, options.length);
    try (Program server = Sample.server(arguments);
        Program pipe =
            Program.start(
                "sh",
                "-c",
                pack + " | nc -N 127.0.0.1 \"$1\" | " + unpack,
                "sh",
                String.valueOf(server.port()))) {
      pipe.types("hello\nworld\n");
      assertThat(pipe.exitStatus()).as(() -> pipe.errors().toString()).isZero();
      assertThat(pipe.output()).containsExactly("hello", "world");
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void tracedShowsTheBytesAndTheCodeThatBlocks() throws Exception {
    try (Program server = Sample.server("traced", "--port", "0")) {
      try (RawClient client = new RawClient(server.port())) {
        assertThat(client.sends("hello\n").receivesLine()).isEqualTo("hello");
        assertThat(client.sends("block\n").receivesLine()).isEqualTo("block");
      }
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.output())
          .anyMatch(line -> line.contains("68 65 6c 6c 6f 0a"))
          .anyMatch(line -> line.contains("is blocked") && line.contains("Traced.block"));
    }
  }

  @Test
  void tracedWritesACaptureThatAContractTakes(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("traced.pcap");
    try (Program server = Sample.server("traced", "--port", "0", "--capture", file.toString())) {
      try (RawClient client = new RawClient(server.port())) {
        assertThat(client.sends("hello\n").receivesLine()).isEqualTo("hello");
      }
      assertThat(server.terminate().exitStatus()).isZero();
    }
    ProtocolContract.of(Protocols::lines).capture(file).captureOfServers(file).check();
    assertThat(Files.readString(file, ISO_8859_1)).contains("hello\n");
  }

  @Test
  void shapedSendsNoFasterThanItMay() throws Exception {
    try (Program server = Sample.server("shaped", "--port", "0", "--bytes-per-second", "100000");
        RawClient client = new RawClient(server.port())) {
      long start = System.nanoTime();
      client.sends("x".repeat(200_000));
      assertThat(client.receives(200_000)).isEqualTo("x".repeat(200_000));
      assertThat(System.nanoTime() - start).isGreaterThan(1_600_000_000L);
      client.leaves();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void drainedServesOnAfterSigtermAndThenClosesItsConnections() throws Exception {
    try (Program server =
            Sample.server("drained", "--port", "0", "--accept-ms", "5000", "--spread-ms", "500");
        RawClient client = new RawClient(server.port())) {
      assertThat(client.sends("before\n").receivesLine()).isEqualTo("before");
      server.terminate();
      assertThat(server.line()).isEqualTo("now LEAVING");
      try (RawClient late = new RawClient(server.port())) {
        assertThat(late.sends("late\n").receivesLine()).isEqualTo("late");
        assertThat(client.sends("after\n").receivesLine()).isEqualTo("after");
        assertThat(client.receivesAll()).isEmpty();
        assertThat(late.receivesAll()).isEmpty();
      }
      assertThat(server.line()).isEqualTo("now CLOSING");
      assertThat(server.line()).isEqualTo("now ENDED");
      assertThat(server.exitStatus()).isZero();
    }
  }
}
