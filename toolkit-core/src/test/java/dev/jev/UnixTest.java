package dev.jev;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainSocketAddress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Unix sockets and their files. */
@EnabledOnOs(OS.LINUX)
class UnixTest {

  private static final String TRANSPORTS = "dev.jev.Available#transports";

  @TempDir private Path directory;
  private final Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
  private final List<Server> servers = new ArrayList<>();

  private Path path() {
    return directory.resolve("a.sock");
  }

  private Server.Builder<String, String> echo(Transport transport, String uri) {
    return Server.builder(Texts::new, recorder).transport(transport).eventLoops(2).listen(uri);
  }

  private Server start(Transport transport, String uri) {
    Server server = echo(transport, uri).start();
    servers.add(server);
    return server;
  }

  private Server start(Transport transport, Path path) {
    return start(transport, "unix://" + path);
  }

  @AfterEach
  void stop() {
    servers.forEach(Server::close);
  }

  private static SocketChannel connect(Path path) throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(path));
  }

  private static String echoOf(SocketChannel client, String text) throws IOException {
    client.write(ByteBuffer.wrap(RawPeer.frames(text)));
    ByteBuffer answer = ByteBuffer.allocate(4 + text.length());
    while (answer.hasRemaining()) {
      assertThat(client.read(answer)).isPositive();
    }
    return new String(answer.array(), 4, text.length(), UTF_8);
  }

  private static void expectEcho(Path path) throws IOException {
    try (SocketChannel client = connect(path)) {
      assertThat(echoOf(client, "hello")).isEqualTo("hello");
    }
  }

  private List<String> files() throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private void expectRefusal(Transport transport, Path path, String why) {
    assertThatThrownBy(() -> start(transport, path))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("cannot listen on unix://%s: %s", path, why);
  }

  // Connections.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void connectionIsLikeAnyOther(Transport transport) throws Exception {
    Server server = start(transport, path());
    try (SocketChannel client = connect(path())) {
      assertThat(echoOf(client, "hello")).isEqualTo("hello");
      Connection<String> connection = recorder.connection();
      UnixAddress address = UnixAddress.of(path().toString());
      assertThat(connection.listener()).isEqualTo(address).hasToString("unix://" + path());
      assertThat(connection.localAddress()).isEqualTo(address);
      assertThat(connection.remoteAddress()).isEqualTo(UnixAddress.UNNAMED).hasToString("unix:");
      assertThat(server.addresses()).containsExactly(address);
      assertThat(server.connectionCount()).isEqualTo(1);
      client.shutdownOutput();
      assertThat(client.read(ByteBuffer.allocate(1))).isEqualTo(-1);
    }
    recorder.expect("connect", "message hello", "close PEER_CLOSED");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void answersReachAPeerThatHasEndedItsOutput(Transport transport) throws Exception {
    start(transport, path());
    for (int i = 0; i < 50; i++) {
      try (SocketChannel client = connect(path())) {
        client.write(ByteBuffer.wrap(RawPeer.frames("one", "two")));
        client.shutdownOutput();
        ByteBuffer answers = ByteBuffer.allocate(100);
        while (client.read(answers) >= 0) {}
        assertThat(answers.position()).isEqualTo(14);
      }
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void clientWithANameIsKnownByIt(Transport transport) throws Exception {
    start(transport, path());
    Path own = directory.resolve("client.sock");
    try (SocketChannel client = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      client.bind(UnixDomainSocketAddress.of(own));
      client.connect(UnixDomainSocketAddress.of(path()));
      assertThat(echoOf(client, "hello")).isEqualTo("hello");
      assertThat(recorder.connection().remoteAddress()).isEqualTo(UnixAddress.of(own.toString()));
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void processAtTheOtherEndIsKnown(Transport transport) throws Exception {
    AtomicReference<@Nullable UnixPeer> seen = new AtomicReference<>();
    class Guard implements Handler<String, String> {
      @Override
      public void onConnect(Connection<String> connection) {
        seen.set(connection.attribute(UnixPeer.class));
      }

      @Override
      public void onMessage(Connection<String> connection, String message) {
        connection.send(message);
      }
    }
    servers.add(
        Server.builder(Texts::new, new Guard())
            .transport(transport)
            .listen("unix://" + path())
            .start());
    expectEcho(path());
    if (transport == Transport.NIO) { // which does not tell
      assertThat(seen.get()).isNull();
      return;
    }
    int uid = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    int gid = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:gid");
    int pid = (int) ProcessHandle.current().pid();
    assertThat(seen.get()).isEqualTo(new UnixPeer(pid, uid, gid));
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void portOfAUnixSocketIsRefused(Transport transport) {
    Server server = start(transport, path());
    assertThatIllegalStateException()
        .isThrownBy(server::port)
        .withMessage("first address has no port: unix://" + path());
  }

  @Test
  void unixAndTcpShareTheLoops() throws Exception {
    Server server = echo(Transport.AUTO, "unix://" + path()).listen("tcp://127.0.0.1:0").start();
    servers.add(server);
    assertThat(server.addresses()).hasSize(2);
    expectEcho(path());
    assertThat(recorder.connection().listener()).isEqualTo(server.addresses().get(0));
  }

  @Test
  void optionsOfTcpAreLeftAloneWithoutAWarning() throws Exception {
    try (LogCapture netty = new LogCapture("io.netty")) {
      Server server =
          echo(Transport.AUTO, "unix://" + path())
              .tcpNoDelay(true)
              .tcpKeepAlive(Duration.ofSeconds(9))
              .sendBufferBytes(50_000)
              .receiveBufferBytes(60_000)
              .start();
      servers.add(server);
      expectEcho(path());
      assertThat(netty.records()).isEmpty();
    }
  }

  // Names outside the file system.

  @ParameterizedTest
  @EnumSource(names = {"EPOLL", "IO_URING"})
  void abstractNameIsListenedOn(Transport transport) throws Exception {
    assumeTrue(transport.isAvailable());
    String name = "@jev-test-" + ProcessHandle.current().pid() + transport;
    Server server = start(transport, "unix:" + name);
    assertThat(server.addresses()).containsExactly(UnixAddress.of(name));
    assertThat(server.addresses().get(0)).hasToString("unix:" + name);
    assertThat(Files.readString(Path.of("/proc/net/unix"))).containsPattern(" " + name + "\n");
    assertThat(echoOfAbstract(name)).isEqualTo("hello");
    assertThat(recorder.connection().localAddress()).isEqualTo(UnixAddress.of(name));
    assertThatThrownBy(() -> start(transport, "unix:" + name))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("Address already in use");
    server.close();
    start(transport, "unix:" + name);
  }

  private static String echoOfAbstract(String name) throws Exception {
    BlockingQueue<String> received = new LinkedBlockingQueue<>();
    EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    try {
      Channel client =
          new Bootstrap()
              .group(group)
              .channel(EpollDomainSocketChannel.class)
              .handler(
                  new SimpleChannelInboundHandler<ByteBuf>() {
                    @Override
                    protected void channelRead0(ChannelHandlerContext ctx, ByteBuf bytes) {
                      received.add(bytes.skipBytes(4).toString(UTF_8));
                    }
                  })
              .connect(new DomainSocketAddress("\0" + name.substring(1)))
              .sync()
              .channel();
      client.writeAndFlush(Unpooled.wrappedBuffer(RawPeer.frames("hello"))).sync();
      return received.poll(10, TimeUnit.SECONDS);
    } finally {
      group.shutdownGracefully(0, 0, TimeUnit.SECONDS).sync();
    }
  }

  @Test
  void abstractNameIsRefusedWithNio() {
    assertThatThrownBy(() -> start(Transport.NIO, "unix:@jev-test"))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(
            "cannot listen on unix:@jev-test: transport: NIO"
                + " (expected: EPOLL or IO_URING, for a name outside the file system)");
  }

  // The file.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void fileComesAloneAndGoesWithTheServer(Transport transport) throws Exception {
    Server server = start(transport, path());
    assertThat(files()).containsExactly("a.sock");
    server.close();
    assertThat(files()).isEmpty();
    start(transport, path());
    expectEcho(path());
  }

  @ParameterizedTest
  @CsvSource({
    "'', rw-------",
    "?mode=0660, rw-rw----",
    "?mode=777, rwxrwxrwx",
    "?mode=000, ---------"
  })
  void fileHasTheModeThatWasAskedFor(String option, String mode) throws Exception {
    start(Transport.AUTO, "unix://" + path() + option);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path())))
        .isEqualTo(mode);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void fileIsNeverSeenWithAnotherModeOrWithoutAListener(Transport transport) throws Exception {
    CompletableFuture<List<String>> seen =
        CompletableFuture.supplyAsync(
            () -> {
              List<String> modes = new ArrayList<>();
              while (!Files.exists(directory.resolve("end"))) {
                try (SocketChannel client = SocketChannel.open(StandardProtocolFamily.UNIX)) {
                  modes.add(PosixFilePermissions.toString(Files.getPosixFilePermissions(path())));
                  client.connect(UnixDomainSocketAddress.of(path()));
                } catch (ConnectException e) {
                  modes.add("refused");
                } catch (IOException e) {
                  // There is no file just now.
                }
                LockSupport.parkNanos(50_000);
              }
              return modes;
            });
    for (int i = 0; i < 10; i++) {
      try (Server server = echo(transport, "unix://" + path() + "?mode=0640").start()) {
        expectEcho(path());
        assertThat(server.addresses()).hasSize(1);
      }
    }
    Files.createFile(directory.resolve("end"));
    assertThat(seen.get(10, TimeUnit.SECONDS)).isNotEmpty().containsOnly("rw-r-----");
  }

  /** Things that may exist at the path. */
  private enum Found {
    NOTHING(null),
    STALE_SOCKET(null),
    LIVE_SOCKET("address in use"),
    LIVE_SOCKET_WITH_A_FULL_QUEUE("address in use: Resource temporarily unavailable"),
    REGULAR_FILE("exists and is not a socket; not replaced"),
    DIRECTORY("exists and is not a socket; not replaced"),
    SYMLINK_TO_NOTHING("exists and is not a socket; not replaced"),
    SYMLINK_TO_A_STALE_SOCKET("exists and is not a socket; not replaced");

    private final @Nullable String refusal;

    Found(@Nullable String refusal) {
      this.refusal = refusal;
    }

    /** Creates it; returns the resource to close after the test. */
    private AutoCloseable make(Path path) throws IOException {
      switch (this) {
        case NOTHING -> {}
        case REGULAR_FILE -> Files.writeString(path, "precious");
        case DIRECTORY -> Files.createDirectory(path);
        case SYMLINK_TO_NOTHING -> Files.createSymbolicLink(path, path.resolveSibling("nothing"));
        case SYMLINK_TO_A_STALE_SOCKET -> {
          Path target = path.resolveSibling("target");
          bind(target, 1).close();
          Files.createSymbolicLink(path, target);
        }
        case STALE_SOCKET -> bind(path, 1).close();
        case LIVE_SOCKET -> {
          return bind(path, 1);
        }
        case LIVE_SOCKET_WITH_A_FULL_QUEUE -> {
          return withFullQueue(bind(path, 1), path);
        }
      }
      return () -> {};
    }

    private static ServerSocketChannel bind(Path path, int backlog) throws IOException {
      ServerSocketChannel socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
      return socket.bind(UnixDomainSocketAddress.of(path), backlog);
    }

    private static AutoCloseable withFullQueue(ServerSocketChannel socket, Path path)
        throws IOException {
      List<SocketChannel> clients = new ArrayList<>();
      boolean connected = true;
      while (connected) {
        SocketChannel client = SocketChannel.open(StandardProtocolFamily.UNIX);
        client.configureBlocking(false);
        clients.add(client);
        try {
          connected = client.connect(UnixDomainSocketAddress.of(path));
        } catch (IOException e) {
          connected = false;
        }
      }
      return () -> {
        for (SocketChannel client : clients) {
          client.close();
        }
        socket.close();
      };
    }
  }

  @ParameterizedTest
  @EnumSource
  void onlyAStaleSocketIsReplaced(Found found) throws Exception {
    for (Transport transport : Available.transports().toList()) {
      try (AutoCloseable made = found.make(path())) {
        assertThat(made).isNotNull();
        if (found.refusal == null) {
          Server server = start(transport, path());
          expectEcho(path());
          server.close();
          assertThat(files()).isEmpty();
        } else {
          List<String> before = files();
          Object key = Files.getAttribute(path(), "unix:ino", NOFOLLOW_LINKS);
          expectRefusal(transport, path(), found.refusal);
          assertThat(files()).isEqualTo(before);
          assertThat(Files.getAttribute(path(), "unix:ino", NOFOLLOW_LINKS)).isEqualTo(key);
        }
      }
      Files.deleteIfExists(path());
      Files.deleteIfExists(directory.resolve("target"));
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void secondServerDoesNotStealFromTheFirst(Transport transport) throws Exception {
    start(transport, path());
    expectRefusal(transport, path(), "address in use");
    expectEcho(path());
    assertThat(files()).containsExactly("a.sock");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void newServerTakesOverFromTheOldOneAndKeepsItsFile(Transport transport) throws Exception {
    Server old = start(transport, path());
    try (SocketChannel client = connect(path())) {
      assertThat(echoOf(client, "one")).isEqualTo("one");
      old.stopAccepting();
      assertThat(files()).isEmpty();
      start(transport, path());
      assertThat(echoOf(client, "two")).isEqualTo("two"); // the old server still serves
    }
    old.close();
    expectEcho(path());
    assertThat(files()).containsExactly("a.sock");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void foreignFileIsLeftAtTheStop(Transport transport) throws Exception {
    Server server = start(transport, path());
    Files.delete(path());
    Files.writeString(path(), "precious");
    server.close();
    assertThat(Files.readString(path())).isEqualTo("precious");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void directoryThatWasRemovedDoesNotKeepTheServerFromStopping(Transport transport)
      throws Exception {
    Path inner = Files.createDirectory(directory.resolve("inner"));
    Server server = start(transport, inner.resolve("a.sock"));
    Files.delete(inner.resolve("a.sock"));
    Files.delete(inner);
    try (LogCapture log = new LogCapture("dev.jev")) {
      server.close();
      assertThat(log.records()).isEmpty();
    }
    assertThat(files()).isEmpty();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void oneOfManyThatStartTogetherGetsThePath(Transport transport) throws Exception {
    int rounds = 5;
    int starters = 4;
    for (int round = 0; round < rounds; round++) {
      Found.STALE_SOCKET.make(path()).close();
      CyclicBarrier barrier = new CyclicBarrier(starters);
      List<CompletableFuture<@Nullable Server>> all = new ArrayList<>();
      for (int i = 0; i < starters; i++) {
        all.add(startAsync(transport, barrier));
      }
      List<Server> started = new ArrayList<>();
      for (CompletableFuture<@Nullable Server> each : all) {
        Server server = each.get(20, TimeUnit.SECONDS);
        if (server != null) {
          started.add(server);
        }
      }
      assertThat(started).hasSize(1);
      expectEcho(path());
      assertThat(files()).containsExactly("a.sock");
      started.get(0).close();
      assertThat(files()).isEmpty();
    }
  }

  private CompletableFuture<@Nullable Server> startAsync(
      Transport transport, CyclicBarrier barrier) {
    CompletableFuture<@Nullable Server> done = new CompletableFuture<>();
    new Thread(
            () -> {
              try {
                barrier.await();
                done.complete(echo(transport, "unix://" + path()).eventLoops(1).start());
              } catch (UncheckedIOException e) {
                done.complete(null);
              } catch (Exception e) {
                done.completeExceptionally(e);
              }
            })
        .start();
    return done;
  }

  /** The program of other processes: each tries to get the path and prints whether it has. */
  public static final class Starter {
    private Starter() {}

    public static void main(String[] args) throws IOException {
      try (Server server =
          Server.<String, String>builder(Texts::new, Handler.replying(text -> text))
              .listen("unix://" + args[0])
              .eventLoops(1)
              .start()) {
        System.out.println("started " + server.addresses());
        int end = System.in.read();
        assertThat(end).isEqualTo(-1);
      } catch (UncheckedIOException e) {
        System.out.println("refused " + e.getMessage());
      }
    }
  }

  @Test
  void oneOfManyProcessesGetsThePath() throws Exception {
    Found.STALE_SOCKET.make(path()).close();
    List<Program> programs = new ArrayList<>();
    try {
      for (int i = 0; i < 3; i++) {
        programs.add(java(Starter.class, path()));
      }
      List<String> answers = new ArrayList<>();
      for (Program program : programs) {
        answers.add(program.line());
      }
      assertThat(answers).filteredOn(answer -> answer.startsWith("started")).hasSize(1);
      assertThat(answers)
          .filteredOn(answer -> answer.endsWith(": address in use"))
          .hasSize(programs.size() - 1);
      expectEcho(path());
      assertThat(files()).containsExactly("a.sock");
    } finally {
      for (Program program : programs) {
        program.types("").exitStatus();
        program.close();
      }
    }
    assertThat(files()).isEmpty();
  }

  @Test
  void lockThatWasLeftOverDoesNotMatter() throws Exception {
    Files.writeString(directory.resolve(".a.sock.lock"), "left over by a process that was killed");
    start(Transport.AUTO, path());
    expectEcho(path());
    assertThat(files()).containsExactly("a.sock");
  }

  private static Program java(Class<?> main, Path argument) throws IOException {
    return Program.java(
        "-XX:TieredStopAtLevel=1", "-cp", Program.classPath(), main.getName(), argument + "");
  }

  /** The program of another process: keeps a lock until its input ends. */
  public static final class Locker {
    private Locker() {}

    public static void main(String[] args) throws IOException {
      try (FileChannel file =
              FileChannel.open(
                  Path.of(args[0]), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = file.lock()) {
        System.out.println(lock.isValid());
        int end = System.in.read();
        assertThat(end).isEqualTo(-1);
      }
    }
  }

  @Test
  void lockOfAnotherProcessIsNotWaitedForForEver() throws Exception {
    Path lock = directory.resolve(".a.sock.lock");
    try (Program locker = java(Locker.class, lock)) {
      assertThat(locker.line()).isEqualTo("true");
      expectRefusal(
          Transport.AUTO, path(), "address in use: another process holds the lock " + lock);
      locker.types("").exitStatus();
    }
    start(Transport.AUTO, path());
    expectEcho(path());
  }

  // Places.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void pathMayHave106Bytes(Transport transport) throws Exception {
    Path longest = directory.resolve("x".repeat(106 - directory.toString().length() - 1));
    start(transport, longest);
    expectEcho(longest);
    Path longer = Path.of(longest + "y");
    expectRefusal(transport, longer, "path length: 107 bytes (expected: <= 106)");
    assertThat(Files.exists(longer)).isFalse();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void directoryMayHave93Bytes(Transport transport) throws Exception {
    String padding = "ü".repeat((93 - directory.toString().length() - 1) / 2);
    Path longest = Files.createDirectories(directory.resolve(padding));
    start(transport, longest.resolve("s"));
    expectEcho(longest.resolve("s"));
    Path longer = Files.createDirectory(Path.of(longest + "yy"));
    int length = longer.toString().getBytes(UTF_8).length;
    expectRefusal(
        transport, longer.resolve("s"), "directory length: " + length + " bytes (expected: <= 93)");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void missingDirectoryIsRefused(Transport transport) throws Exception {
    expectRefusal(
        transport,
        directory.resolve("none/a.sock"),
        "directory: " + directory + "/none (expected: one that exists)");
    assertThatThrownBy(() -> start(transport, "unix:///"))
        .hasMessage("cannot listen on unix:///: directory: null (expected: one that exists)");
  }

  @Test
  void directoryThatMayNotBeWrittenToIsRefused() throws Exception {
    Path inner = Files.createDirectory(directory.resolve("inner"));
    Files.setPosixFilePermissions(inner, PosixFilePermissions.fromString("r-xr-xr-x"));
    assumeTrue(!Files.isWritable(inner)); // root may write anywhere
    expectRefusal(
        Transport.AUTO,
        inner.resolve("a.sock"),
        "directory: " + inner + " (expected: one that is writable)");
  }

  // The end.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void noConnectionIsLostWhenTheServerStopsAccepting(Transport transport) throws Exception {
    Server server = start(transport, path());
    server.pauseAccepting(this);
    List<SocketChannel> clients = new ArrayList<>();
    try {
      for (int i = 0; i < 100; i++) {
        clients.add(connect(path()));
      }
      server.stopAccepting();
      for (SocketChannel client : clients) {
        assertThat(echoOf(client, "hello")).isEqualTo("hello");
      }
    } finally {
      for (SocketChannel client : clients) {
        client.close();
      }
    }
  }

  @Test
  void peersOfUnixSocketsAreOneSource() {
    SocketAddress peer = UnixAddress.UNNAMED;
    LoadBalancing hash = LoadBalancing.sourceHash();
    assertThat(hash.choose(peer, 8, i -> 0)).isEqualTo(hash.choose(peer, 8, i -> 0));
  }
}
