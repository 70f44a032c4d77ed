package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.buffer.ByteBuf;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.logging.Level;
import org.junit.jupiter.api.Test;

/** Tests which bytes are logged and which are omitted. */
class WireLogTest {

  private final Queue<String> entries = new ConcurrentLinkedQueue<>();

  private WireLog.Builder log() {
    return WireLog.builder().to(entries::add);
  }

  private static Server echo(Plugin... plugins) {
    Server.Builder<String, String> builder =
        Server.<String, String>builder(Texts::new, Handler.replying(text -> text))
            .listen("tcp://127.0.0.1:0");
    for (Plugin plugin : plugins) {
      builder.plugin(plugin);
    }
    return builder.start();
  }

  private String entry(String part) throws Exception {
    Eventually.holds(
        "an entry with " + part, () -> entries.stream().anyMatch(e -> e.contains(part)));
    return entries.stream().filter(e -> e.contains(part)).findFirst().orElseThrow();
  }

  @Test
  void readsWritesAndTheCloseAreLogged() throws Exception {
    try (Server server = echo(log().build())) {
      String name;
      try (RawPeer peer = RawPeer.connect(server)) {
        name = peer.socket().getLocalSocketAddress().toString();
        assertThat(peer.send("hello").receive()).isEqualTo("hello");
      }
      assertThat(entry("closed"))
          .endsWith(name + " closed, PEER_CLOSED: 9 bytes read, 9 bytes written");
      assertThat(entry("read 9 bytes"))
          .matches("(?s)[0-9a-f]+ " + name + " read 9 bytes\n.*")
          .contains("|00000000| 00 00 00 05 68 65 6c 6c 6f                      |....hello");
      assertThat(entry("wrote 9 bytes")).contains("00 00 00 05 68 65 6c 6c 6f");
      assertThat(entries).hasSize(3);
    }
  }

  @Test
  void shownBytesAreLimitedPerEntryAndPerConnection() throws Exception {
    WireLog log = log().maxBytesShown(4).maxBytesPerConnection(10).build();
    try (Server server = echo(log)) {
      try (RawPeer peer = RawPeer.connect(server)) {
        for (int i = 0; i < 3; i++) {
          assertThat(peer.send("hello").receive()).isEqualTo("hello");
        }
      }
      assertThat(entry("closed")).endsWith("27 bytes read, 27 bytes written");
      assertThat(entries).hasSize(4);
      assertThat(entry("read 9 bytes, first 4 shown\n")).contains("| 00 00 00 05    ");
      assertThat(entry("wrote 9 bytes, first 4 shown\n")).doesNotContain(" 68 ");
      assertThat(entry("read 9 bytes, first 2 shown\n")).contains("| 00 00    ");
    }
  }

  @Test
  void everyNthConnectionIsLogged() throws Exception {
    try (Server server = echo(log().oneIn(3).build())) {
      for (int i = 0; i < 7; i++) {
        try (RawPeer peer = RawPeer.connect(server)) {
          assertThat(peer.send("number " + i).receive()).isEqualTo("number " + i);
        }
      }
      Eventually.holds("all connections are closed", () -> server.connectionCount() == 0);
      assertThat(entries.stream().filter(e -> e.contains(" read 12 bytes"))).hasSize(3);
      assertThat(entries).noneMatch(e -> e.contains("number 1") || e.contains("number 2"));
      assertThat(entry("number 0")).isNotNull();
      assertThat(entry("number 3")).isNotNull();
      assertThat(entry("number 6")).isNotNull();
    }
  }

  @Test
  void entriesAreLimitedAndOmittedOnesAreCounted() throws Exception {
    long start = System.nanoTime();
    try (Server server = echo(log().maxEntriesPerSecond(5).build());
        RawPeer peer = RawPeer.connect(server)) {
      int sent = 0;
      while (entries.stream().noneMatch(e -> e.contains("omitted"))) {
        peer.send("x").receive();
        sent++;
      }
      assertThat(System.nanoTime() - start).isGreaterThan(900_000_000L);
      int leftOut = 2 * sent - entries.size();
      assertThat(entry("omitted"))
          .containsPattern("\\n\\(\\d+ earlier entries omitted\\)$")
          .contains("(" + leftOut(entry("omitted")) + " earlier entries");
      assertThat(leftOut(entry("omitted"))).isBetween(leftOut - 5, leftOut + 1);
    }
  }

  private static int leftOut(String entry) {
    return Integer.parseInt(entry.replaceAll("(?s).*\\((\\d+) earlier entries.*", "$1"));
  }

  @Test
  void bytesOfTheProtocolCanBeLoggedInsteadOfThoseOfTheSocket() throws Exception {
    Queue<String> raw = new ConcurrentLinkedQueue<>();
    Plugin swap = StreamTransform.of(Swap::new);
    Plugin decoded = log().stage(Plugin.Stage.MESSAGES).build();
    Plugin socket = WireLog.builder().to(raw::add).build();
    try (Server server = echo(decoded, swap, socket); // the stages decide the order
        RawPeer peer = RawPeer.connect(server)) {
      byte[] frame = RawPeer.frames("hi");
      for (int i = 0; i < frame.length; i++) {
        frame[i] ^= 1;
      }
      assertThat(peer.write(frame).read(frame.length)).isEqualTo(frame);
      assertThat(entry("read 6 bytes")).contains(" 00 00 00 02 68 69 ").contains("....hi");
      assertThat(raw.peek()).contains(" 01 01 01 03 69 68 ");
    }
  }

  /** Flips a bit of each byte. */
  private static final class Swap implements StreamTransform.Transformer {
    @Override
    public void inbound(ByteBuf in, ByteBuf out) {
      while (in.isReadable()) {
        out.writeByte(in.readByte() ^ 1);
      }
    }

    @Override
    public void outbound(ByteBuf in, ByteBuf out) {
      inbound(in, out);
    }
  }

  @Test
  void logThatFailsDoesNoHarm() throws Exception {
    Consumer<String> broken =
        entry -> {
          throw new IllegalStateException("no space left");
        };
    try (Server server = echo(WireLog.builder().to(broken).build());
        RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
    }
  }

  @Test
  void entriesGoToTheSystemsLogByDefault() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev.wire");
        Server server = echo(WireLog.builder().build());
        RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
      assertThat(log.await("read 9 bytes").getLevel()).isEqualTo(Level.INFO);
    }
  }

  @Test
  void everySetterChecksItsValue() {
    WireLog.Builder builder = WireLog.builder();
    assertThatThrownBy(() -> builder.oneIn(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("oneIn: 0 (expected: 1..2147483647)");
    assertThatThrownBy(() -> builder.maxBytesShown(0))
        .hasMessage("maxBytesShown: 0 (expected: 1..1048576)");
    assertThatThrownBy(() -> builder.maxBytesPerConnection(0))
        .hasMessage("maxBytesPerConnection: 0 (expected: 1..9223372036854775807)");
    assertThatThrownBy(() -> builder.maxEntriesPerSecond(0))
        .hasMessage("maxEntriesPerSecond: 0 (expected: 1..2147483647)");
    assertThatThrownBy(() -> builder.to(null)).hasMessage("sink");
    assertThatThrownBy(() -> builder.stage(null)).hasMessage("stage");
  }
}
