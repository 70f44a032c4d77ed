package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.BudgetedServer;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Plugin;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.RawPeer;
import dev.jev.Texts;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.ssl.SslContext;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Compares the memory of incomplete input with what is counted of it, in all places. */
@Timeout(60)
class BufferedBytesTest {

  private static final int MIB = 1024 * 1024;

  @TempDir static Path directory;
  private static TlsIdentity localhost;
  private static Certificates certificates;

  private final LogCapture log = new LogCapture("dev.jev");

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
    localhost = certificates.pem("localhost");
  }

  @AfterEach
  void close() {
    log.close();
  }

  private static BudgetedServer start(Plugin... plugins) {
    return new BudgetedServer(Long.MAX_VALUE, Texts::new, BudgetedServer.ignoring(), plugins);
  }

  /** The beginning of a text of 4 MB. */
  private static byte[] beginning(int bytes) {
    return Arrays.copyOf(RawPeer.length(4_000_000), bytes);
  }

  private static void expectAtLeast(BudgetedServer server, long bytes) throws Exception {
    Eventually.holds(bytes + " bytes are counted", () -> server.limits().bufferedBytes() >= bytes);
  }

  // The connection.

  @Test
  void unreadBytesAreCountedWithTheirBuffer() throws Exception {
    BudgetedServer.expectCounted(Texts::new, beginning(3 * MIB));
  }

  @Test
  void unreadBytesBehindHandlersOfPluginsAreCounted() throws Exception {
    BudgetedServer.expectCounted(Texts::new, beginning(3 * MIB), TrafficShaping.builder().build());
  }

  // Plugins.

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void incompleteClientHelloIsCounted(Tls.Provider provider) throws Exception {
    Tls tls = Tls.server().provider(provider).identity(localhost).build();
    try (BudgetedServer server = start(tls)) {
      byte[] record = Arrays.copyOf(new byte[] {22, 3, 1, 0x30, 0, 1, 0, 0x2f, 0}, 10_000);
      server.connect().write(record);
      expectAtLeast(server, record.length);
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void incompleteRecordIsCounted(Tls.Provider provider) throws Exception {
    Tls tls = Tls.server().provider(provider).identity(localhost).build();
    try (BudgetedServer server = start(tls)) {
      RawPeer raw = server.connect();
      TlsPeer.over(raw, server.server(), certificates.clientContext(null), any -> {}).handshake();
      server.expectNothingCounted();
      raw.write(Arrays.copyOf(new byte[] {23, 3, 3, 0x40, 0}, 10_000));
      expectAtLeast(server, 10_000);
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  /** A record in pieces of one byte, each of which Netty reads into a buffer of its own. */
  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void recordInManyPiecesOccupiesWhatIsCounted(Tls.Provider provider) throws Exception {
    UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(/* preferDirect= */ true);
    Tls tls = Tls.server().provider(provider).identity(localhost).build();
    SslContext context = tls.contexts().contextFor(null);
    GuardedSslHandler handler = (GuardedSslHandler) tls.contexts().newHandler(context);
    EmbeddedChannel channel = new EmbeddedChannel();
    channel.config().setAllocator(allocator);
    channel.pipeline().addLast(handler);
    long before = inUse(allocator);
    byte[] record = Arrays.copyOf(new byte[] {22, 3, 1, 0x40, 0}, 10_000);
    for (byte piece : record) {
      channel.writeInbound(allocator.ioBuffer(2048).writeByte(piece));
    }
    long held = inUse(allocator) - before;
    assertThat(held).isLessThan(64 * 1024);
    assertThat(handler.bufferedBytes()).isBetween(held / 2, 2 * held);
    channel.finishAndReleaseAll();
    assertThat(handler.bufferedBytes()).isZero();
  }

  private static long inUse(UnpooledByteBufAllocator allocator) {
    return allocator.metric().usedDirectMemory() + allocator.metric().usedHeapMemory();
  }

  @Test
  void incompleteProxyHeaderIsCountedUntilItIsComplete() throws Exception {
    try (BudgetedServer server = start(ProxyProtocol.required("127.0.0.1"))) {
      RawPeer peer = server.connect();
      String header = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443";
      peer.write(header.getBytes(StandardCharsets.US_ASCII));
      expectAtLeast(server, header.length());
      peer.write(new byte[] {'\r', '\n'});
      server.expectNothingCounted();
    }
  }

  @Test
  void inputThatWaitsToBeTransformedIsCounted() throws Exception {
    List<Connection<?>> connections = new ArrayList<>();
    Handler<String, String> pausing =
        (connection, text) -> {
          connections.add(connection);
          connection.pauseReading();
        };
    try (BudgetedServer server =
        new BudgetedServer(
            Long.MAX_VALUE, Texts::new, pausing, StreamTransform.gzip(6, 1_000_000))) {
      byte[] noise = new byte[256 * 1024];
      new Random(1).nextBytes(noise);
      byte[] input = Arrays.copyOf(RawPeer.frames("a"), 5 + noise.length);
      System.arraycopy(noise, 0, input, 5, noise.length);
      server.connect().write(gzip(input));
      // One read of the socket, of which a chunk was transformed.
      expectAtLeast(server, 1);
      server.disconnect();
      connections.forEach(Connection::closeNow);
      server.expectNothingCounted();
    }
  }

  private static byte[] gzip(byte[] bytes) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  @Test
  void windowOfZstdIsCounted() throws Exception {
    try (BudgetedServer server = start(StreamTransform.zstd())) {
      // A window of 8 MiB, and the header of a block.
      server.connect().write(new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0, 0x68, 1});
      expectAtLeast(server, 8 * MIB);
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  @Test
  void windowOfGzipIsCounted() throws Exception {
    try (BudgetedServer server = start(StreamTransform.gzip())) {
      server.connect().write(gzip(RawPeer.frames("a"))); // a whole member
      expectAtLeast(server, 32 * 1024);
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  // Output.

  /** Each reply is flushed alone, so that its buffer and promise are larger than the reply. */
  @Test
  void shortWritesThatWaitInAPluginAreCountedWithTheirMemory() throws Exception {
    Handler<String, String> writing =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            write(connection, 3_500);
          }

          private void write(Connection<String> connection, int times) {
            connection.send("a");
            if (times > 1) {
              connection.runAfter(Duration.ZERO, () -> write(connection, times - 1));
            }
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    TrafficShaping slow = TrafficShaping.builder().writeBytesPerSecond(1).build();
    try (BudgetedServer server = new BudgetedServer(Long.MAX_VALUE, Texts::new, writing, slow)) {
      for (int i = 0; i < 8; i++) {
        server.connect();
      }
      expectAtLeast(server, 8 * 3_500 * 256);
      server.expectCountedIsHeld();
      server.disconnect();
    }
  }

  // Offloaded handlers.

  /** A message whose size is not known, unlike that of a string. */
  private record Opaque(String content) {}

  private static Protocol<Opaque, String> opaque() {
    return new Texts().mapInbound(Opaque::new);
  }

  @Test
  void messagesThatWaitForAnOffloadedHandlerAreCounted() throws Exception {
    CountDownLatch handled = new CountDownLatch(1);
    ExecutorService executor = Executors.newSingleThreadExecutor();
    Handler<Opaque, String> slow = (connection, message) -> await(handled);
    try (BudgetedServer server =
        new BudgetedServer(Long.MAX_VALUE, BufferedBytesTest::opaque, slow.offload(executor))) {
      String text = "a".repeat(1_000_000);
      for (int i = 0; i < 24; i++) {
        server.connect().send(text);
      }
      expectAtLeast(server, 23_000_000); // one is being handled
      server.expectCountedIsHeld();
      handled.countDown();
      server.expectNothingCounted();
    } finally {
      executor.shutdown();
    }
  }

  @Test
  void queueOfAnOffloadedHandlerIsFullByTheBytesThatItsMessagesWereMadeOf() throws Exception {
    CountDownLatch handled = new CountDownLatch(1);
    ExecutorService executor = Executors.newSingleThreadExecutor();
    Handler<Opaque, String> slow = (connection, message) -> await(handled);
    try (BudgetedServer server =
        new BudgetedServer(Long.MAX_VALUE, BufferedBytesTest::opaque, slow.offload(executor))) {
      RawPeer peer = server.connect();
      Thread writer = new Thread(() -> writeAll(peer, "a".repeat(100_000), 60));
      writer.start();
      expectAtLeast(server, 256 * 1024); // the high watermark
      server.awaitCounted();
      assertThat(server.limits().bufferedBytes()).isLessThan(1_000_000);
      handled.countDown();
      writer.join();
      server.expectNothingCounted();
    } finally {
      executor.shutdown();
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void writeAll(RawPeer peer, String text, int times) {
    try {
      for (int i = 0; i < times; i++) {
        peer.send(text);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // Faults.

  /** A protocol and a plugin that report nonsense, or fail. */
  private static final class Faulty implements Protocol<String, String>, Plugin, Plugin.Observer {

    private final Supplier<Long> reported;

    Faulty(Supplier<Long> reported) {
      this.reported = reported;
    }

    @Override
    public Plugin.Observer install(Link link) {
      return this;
    }

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return null;
    }

    @Override
    public void pack(String message, ByteBuf out) {}

    @Override
    public long bufferedBytes() {
      return reported.get();
    }
  }

  private static long fail() {
    throw new IllegalStateException("a fault");
  }

  @Test
  void failureOfBufferedBytesClosesTheConnectionAndLeavesNothingCounted() throws Exception {
    Faulty faulty = new Faulty(BufferedBytesTest::fail);
    try (BudgetedServer server =
        new BudgetedServer(1000, () -> faulty, BudgetedServer.ignoring())) {
      server.connect().write(new byte[10]).readAll();
      server.expectNothingCounted();
    }
    try (BudgetedServer server = start(faulty)) {
      server.connect().write(new byte[3]).readAll();
      server.expectNothingCounted();
    }
    assertThat(log.messages("closing connection")).isNotEmpty();
  }

  @Test
  void nonsenseDoesNotUpsetTheCount() throws Exception {
    for (long nonsense : new long[] {-5, Long.MIN_VALUE, Long.MAX_VALUE}) {
      Faulty faulty = new Faulty(() -> nonsense);
      try (BudgetedServer server =
          new BudgetedServer(Long.MAX_VALUE, () -> faulty, BudgetedServer.ignoring(), faulty)) {
        server.connect().write(new byte[100]);
        expectAtLeast(server, 100);
        server.disconnect();
        server.expectNothingCounted();
      }
    }
  }

  // Attacks.

  @Test
  void peersWithIncompleteMessagesStayWithinTheBudget() throws Exception {
    long budget = 16L * MIB;
    try (BudgetedServer server =
        new BudgetedServer(budget, Texts::new, Handler.replying(text -> text))) {
      long most = server.attack(64, beginning(3 * MIB));
      assertThat(most).isBetween(budget / 2, budget + 64L * MIB / 2); // a batch each
      server.disconnect();
      server.expectNothingCounted();
      RawPeer peer = server.connect().send("still served");
      assertThat(peer.receive()).isEqualTo("still served");
    }
  }
}
