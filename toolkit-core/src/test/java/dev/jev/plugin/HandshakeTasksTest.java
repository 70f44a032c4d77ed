package dev.jev.plugin;

import static dev.jev.plugin.Tls.Provider.JDK;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Eventually;
import dev.jev.LogCapture;
import dev.jev.NettyVersion;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.util.ReferenceCountUtil;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.RejectedExecutionException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests the tasks of handshakes, which run while the event loop serves other connections. */
class HandshakeTasksTest {

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;

  private final Recorder<String, String> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private final CloseReasons reasons = new CloseReasons();
  private final LogCapture nettyLog = new LogCapture("io.netty");
  private final BlockingTrust trust = new BlockingTrust();
  private @Nullable Server server;

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
    localhost = certificates.pem("localhost");
  }

  @AfterEach
  void stop() throws Exception {
    trust.release();
    if (server != null) {
      server.close();
    }
    Eventually.noServerThreadIsLeft();
    nettyLog.close();
    if (NettyVersion.isAtLeast("4.2.10")) { // older ones log a task that ends after its event loop
      assertThat(nettyLog.messages("")).isEmpty();
    }
    recorder.expectNothingMore();
    reasons.expectNothingMore();
  }

  private static Tls.Builder tls(Tls.Provider provider) throws Exception {
    return Tls.server()
        .provider(provider)
        .identity(localhost)
        .optional()
        .needClientCertificate()
        .trustPem(certificates.authorityPem());
  }

  private void start(Tls.Builder tls) {
    start(tls, Duration.ofMillis(200));
  }

  private void start(Tls.Builder tls, Duration lingering) {
    server =
        Server.builder(Texts::new, recorder)
            .plugin(reasons)
            .plugin(trust.build(tls))
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofSeconds(10)) // the machine may be busy
            .lingeringCloseTimeout(lingering)
            .start();
  }

  /** Returns a client that has sent everything that its handshake needs. */
  private static EnginePeer handshake(RawPeer peer) throws Exception {
    return new EnginePeer(certificates.clientContext(certificates.issue("client")), "localhost")
        .handshake(peer);
  }

  /** Checks that the event loop works, and so has seen everything that was sent before. */
  private void expectThatTheLoopServesOthers() throws Exception {
    try (RawPeer plain = RawPeer.connect(server)) {
      assertThat(plain.send("plain").receive()).isEqualTo("plain");
    }
    recorder.expect("connect", "message plain", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  private void expectDevice() throws InterruptedException {
    recorder.expect("connect", "message hi", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void loopServesOthersWhileATaskBlocks(Tls.Provider provider) throws Exception {
    start(tls(provider));
    try (RawPeer peer = RawPeer.connect(server)) {
      EnginePeer device = handshake(peer);
      trust.awaitEntered();
      expectThatTheLoopServesOthers();
      trust.release();
      peer.write(device.wrap(RawPeer.frames("hi"))).write(device.closeNotify());
      expectDevice();
    }
    assertThat(trust.thread()).startsWith("jev-tls-");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void inputAndItsEndWaitForTheTask(Tls.Provider provider) throws Exception {
    start(tls(provider));
    try (RawPeer peer = RawPeer.connect(server)) {
      EnginePeer device = handshake(peer);
      trust.awaitEntered();
      ByteArrayOutputStream rest = new ByteArrayOutputStream();
      rest.writeBytes(device.wrap(RawPeer.frames("hi")));
      rest.writeBytes(device.closeNotify());
      peer.write(rest.toByteArray()).shutdownOutput();
      expectThatTheLoopServesOthers();
      trust.release();
      expectDevice();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void timeoutClosesInTheMiddleOfATask(Tls.Provider provider) throws Exception {
    start(tls(provider).handshakeTimeout(Duration.ofSeconds(3)));
    try (RawPeer peer = RawPeer.connect(server)) {
      handshake(peer);
      trust.awaitEntered();
      peer.readAll();
    }
    reasons.expect("TIMEOUT");
    expectThatTheLoopServesOthers();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void resetClosesInTheMiddleOfATask(Tls.Provider provider) throws Exception {
    start(tls(provider));
    try (RawPeer peer = RawPeer.connect(server)) {
      EnginePeer device = handshake(peer);
      trust.awaitEntered();
      peer.write(device.wrap(RawPeer.frames("never heard")));
      expectThatTheLoopServesOthers();
      peer.reset();
    }
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.IO_ERROR);
    expectThatTheLoopServesOthers();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void serverStopsInTheMiddleOfATask(Tls.Provider provider) throws Exception {
    start(tls(provider));
    try (RawPeer peer = RawPeer.connect(server)) {
      handshake(peer);
      trust.awaitEntered();
      server.stop(Duration.ofSeconds(20));
      peer.readAll();
    }
    reasons.expect("SERVER_STOPPED");
    server.awaitStop();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void taskThatEndsAfterTheCloseChangesNothing(Tls.Provider provider) throws Exception {
    Queue<Runnable> tasks = new ArrayDeque<>();
    EmbeddedLink link = new EmbeddedLink(tls(provider).taskExecutor(tasks::add).build());
    link.channel().pipeline().fireChannelActive();
    link.arrive(clientHello()).arrive(new byte[] {20, 3, 3, 0, 1, 1});
    assertThat(link.channel().close()).isDone();
    tasks.remove().run();
    link.channel().runPendingTasks();
    assertThat(tasks).isEmpty();
    assertThat(link.sent()).isEmpty();
    assertThat(link.received()).isEmpty();
    assertThat(link.failures).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void readingPausesIfInputArrivesDuringATask(Tls.Provider provider) throws Exception {
    Queue<Runnable> tasks = new ArrayDeque<>();
    EmbeddedLink link = new EmbeddedLink(tls(provider).taskExecutor(tasks::add).build());
    link.channel().pipeline().fireChannelActive();
    link.arrive(clientHello());
    assertThat(link.pauses).doesNotContain("pause");
    byte[] more = {20, 3, 3, 0, 1, 1, 20, 3, 3}; // change_cipher_spec, which is ignored; and more
    link.arrive(more, 0, 4).arrive(more, 4, more.length);
    assertThat(link.pauses).containsOnlyOnce("pause").doesNotContain("resume");
    while (!tasks.isEmpty()) {
      assertThat(link.pauses).doesNotContain("resume");
      tasks.remove().run();
      link.channel().runPendingTasks();
    }
    assertThat(link.pauses).containsOnlyOnce("resume");
    assertThat(link.failures).isEmpty();
    link.channel().finishAndReleaseAll();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void closeFreesTheEngineOfATaskThatTheExecutorDrops(Tls.Provider provider) throws Exception {
    Queue<Runnable> dropped = new ArrayDeque<>();
    EmbeddedLink link = new EmbeddedLink(tls(provider).taskExecutor(dropped::add).build());
    link.channel().pipeline().fireChannelActive();
    link.arrive(clientHello());
    SSLEngine engine = link.channel().pipeline().get(GuardedSslHandler.class).engine();
    assertThat(dropped).hasSize(1);
    assertThat(link.channel().close()).isDone();
    assertThat(ReferenceCountUtil.refCnt(engine)).isEqualTo(provider == JDK ? -1 : 0);
    dropped.remove().run(); // late
    assertThat(link.failures).isEmpty();
  }

  /** An executor may be slow, and its queue long. */
  @Test
  void skippedTaskInAQueueKeepsNoEngine() throws Exception {
    Queue<Runnable> queue = new ArrayDeque<>();
    WeakReference<SSLEngine> engine = engineOfSkippedTask(queue);
    Eventually.holds(
        "the engine is collected",
        () -> {
          System.gc();
          return engine.get() == null;
        });
    assertThat(queue).hasSize(1);
    queue.remove().run(); // late
  }

  private static WeakReference<SSLEngine> engineOfSkippedTask(Queue<Runnable> queue)
      throws Exception {
    SSLEngine engine = SSLContext.getDefault().createSSLEngine();
    HandshakeTasks tasks = new HandshakeTasks(engine, queue::add);
    tasks.execute(() -> {});
    tasks.abandon();
    return new WeakReference<>(engine);
  }

  private static byte[] clientHello() throws Exception {
    return new EnginePeer(certificates.clientContext(null), "localhost").wrap();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void eventLoopMayRunTheTasks(Tls.Provider provider) throws Exception {
    start(tls(provider).taskExecutor(Runnable::run));
    trust.release();
    try (RawPeer peer = RawPeer.connect(server)) {
      EnginePeer device = handshake(peer);
      peer.write(device.wrap(RawPeer.frames("hi"))).write(device.closeNotify());
      expectDevice();
    }
    assertThat(trust.thread()).startsWith("jev-loop-");
  }

  @Test
  void connectionIsClosedIfTheExecutorRefusesTheTask() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev")) {
      start(
          tls(Tls.Provider.JDK)
              .taskExecutor(
                  task -> {
                    throw new RejectedExecutionException("shut down");
                  }));
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.write(clientHello()).readAll();
      }
      assertThat(reasons.next().cause()).hasMessageContaining("shut down");
      assertThat(log.messages("closing connection")).hasSize(1);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void inputOfAClosingConnectionIsNotKeptDuringATask(Tls.Provider provider) throws Exception {
    start(tls(provider), Duration.ofSeconds(10));
    byte[] record = new byte[16 * 1024];
    record[0] = 23;
    record[1] = 3;
    record[2] = 3;
    record[3] = (byte) ((record.length - 5) >> 8);
    record[4] = (byte) (record.length - 5);
    int sent = 0;
    try (RawPeer peer = RawPeer.connect(server)) {
      handshake(peer);
      trust.awaitEntered();
      server.stop(Duration.ofSeconds(20));
      peer.readAll();
      for (; sent < 4096; sent++) {
        peer.write(record);
      }
    } catch (IOException e) {
      // The server has read enough.
    }
    assertThat(sent * 16).as("KiB").isLessThan(32 * 1024);
    reasons.expect("SERVER_STOPPED");
    server.awaitStop();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void executorMayThrowAndRunTheTaskNevertheless(Tls.Provider provider) throws Exception {
    Queue<Runnable> tasks = new ArrayDeque<>();
    EmbeddedLink link =
        new EmbeddedLink(
            tls(provider)
                .taskExecutor(
                    task -> {
                      tasks.add(task);
                      throw new RejectedExecutionException("no thread");
                    })
                .build());
    link.channel().pipeline().fireChannelActive();
    link.arrive(clientHello());
    tasks.remove().run();
    link.channel().runPendingTasks();
    link.channel().finishAndReleaseAll();
  }
}
