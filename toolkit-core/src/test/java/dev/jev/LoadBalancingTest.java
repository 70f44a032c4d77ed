package dev.jev;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.LogRecord;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The choice of the event loop for a new connection. */
class LoadBalancingTest {

  private static final int LOOPS = 4;

  /** Each takes two of the 20,000 files that a process may usually have here. */
  private static final int BURST = 9000;

  private final Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
  private final List<Socket> sockets = new ArrayList<>();
  private @Nullable Server server;

  private Server start(LoadBalancing balancing) {
    return start(balancing, Transport.AUTO, recorder);
  }

  private Server start(
      LoadBalancing balancing, Transport transport, Handler<String, String> handler) {
    server =
        Server.builder(Texts::new, handler)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .eventLoops(LOOPS)
            .loadBalancing(balancing)
            .start();
    return server;
  }

  @AfterEach
  void stop() throws IOException {
    for (Socket socket : sockets) {
      socket.close();
    }
    if (server != null) {
      server.close();
    }
  }

  private Socket connect() throws IOException {
    Socket socket = Echo.connect("127.0.0.1", server.port());
    sockets.add(socket);
    return socket;
  }

  private static Loop loop(Connection<?> connection) {
    return ((StreamConnection<?, ?>) connection).loop();
  }

  private static Collection<Long> sizes(Collection<Loop> loops) {
    return loops.stream().collect(groupingBy(loop -> loop, counting())).values();
  }

  // Round robin.

  @Test
  void roundRobinTakesOneLoopAfterTheOther() {
    LoadBalancing balancing = LoadBalancing.roundRobin();
    InetSocketAddress peer = new InetSocketAddress(1);
    assertThat(IntStream.range(0, 7).map(i -> balancing.choose(peer, 3, loop -> 0)))
        .containsExactly(0, 1, 2, 0, 1, 2, 0);
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void roundRobinIsTheDefaultAndExact(Transport transport) throws Exception {
    server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .eventLoops(LOOPS)
            .start();
    List<Loop> loops = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      connect();
      loops.add(loop(recorder.connection()));
    }
    assertThat(Set.copyOf(loops)).hasSize(LOOPS);
    for (int i = LOOPS; i < loops.size(); i++) {
      assertThat(loops.get(i)).isSameAs(loops.get(i - LOOPS));
    }
  }

  @Test
  void roundRobinIsSharedByAllListeners() throws Exception {
    server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .listen("tcp://127.0.0.2:0")
            .eventLoops(LOOPS)
            .start();
    List<Loop> loops = new ArrayList<>();
    for (int i = 0; i < LOOPS; i++) {
      InetSocketAddress address = (InetSocketAddress) server.addresses().get(i % 2);
      sockets.add(Echo.connect("127.0.0." + (i % 2 + 1), address.getPort()));
      loops.add(loop(recorder.connection()));
    }
    assertThat(loops).doesNotHaveDuplicates();
  }

  // Least connections.

  @Test
  void leastConnectionsTakesTheEmptiestLoop() {
    int[] counts = {7, 3, 5, 3};
    LoadBalancing balancing = LoadBalancing.leastConnections();
    assertThat(balancing.choose(new InetSocketAddress(1), counts.length, i -> counts[i]))
        .isIn(1, 3);
  }

  /** Counts its connections by loop. */
  private static final class Census implements Handler<String, String> {

    private final Map<Loop, AtomicInteger> counts = new ConcurrentHashMap<>();
    private final Map<Loop, Set<InetAddress>> sources = new ConcurrentHashMap<>();

    @Override
    public void onConnect(Connection<String> connection) {
      InetSocketAddress peer = (InetSocketAddress) connection.remoteAddress();
      Loop loop = loop(connection);
      sources.computeIfAbsent(loop, any -> ConcurrentHashMap.newKeySet()).add(peer.getAddress());
      counts.computeIfAbsent(loop, any -> new AtomicInteger()).incrementAndGet();
    }

    @Override
    public void onMessage(Connection<String> connection, String message) {}

    private int sum() {
      return counts.values().stream().mapToInt(AtomicInteger::get).sum();
    }
  }

  /** Opens connections as fast as two threads can, from four addresses, and waits for all. */
  private Census burst(LoadBalancing balancing) throws Exception {
    assumeTrue(FileDescriptors.maxConnections() > 17_000, "20,000 files may be open");
    Census census = new Census();
    start(balancing, Transport.AUTO, census);
    List<CompletableFuture<List<Socket>>> halves = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      String[] from = {"127.0.0." + (2 * i + 2), "127.0.0." + (2 * i + 3)};
      halves.add(CompletableFuture.supplyAsync(() -> connectAll(from)));
    }
    for (CompletableFuture<List<Socket>> half : halves) {
      sockets.addAll(half.get(60, TimeUnit.SECONDS));
    }
    Eventually.holds("all connected", () -> census.sum() == BURST);
    return census;
  }

  private List<Socket> connectAll(String... from) {
    List<Socket> opened = new ArrayList<>();
    try {
      for (int i = 0; i < BURST / 2; i++) {
        opened.add(Echo.connect(from[i % from.length], "127.0.0.1", server.port()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return opened;
  }

  private static void expectEven(Census census, double tolerance) {
    int fair = BURST / LOOPS;
    assertThat(census.counts).hasSize(LOOPS);
    assertThat(census.counts.values().stream().map(AtomicInteger::get))
        .allMatch(count -> Math.abs(count - fair) <= fair * tolerance, "within " + tolerance);
  }

  @Test
  void leastConnectionsIsEvenAfterABurst() throws Exception {
    Census census = burst(LoadBalancing.leastConnections());
    expectEven(census, 0.01);
    int fair = BURST / LOOPS;
    assertThat(census.counts.keySet().stream().mapToInt(Loop::connections))
        .allMatch(count -> Math.abs(count - fair) <= fair / 100, "within 1 %");
  }

  @Test
  void roundRobinIsEvenAfterABurst() throws Exception {
    expectEven(burst(LoadBalancing.roundRobin()), 0);
  }

  @Test
  void randomIsAlmostEvenAfterABurst() throws Exception {
    expectEven(burst(LoadBalancing.random()), 0.2); // nine standard deviations
  }

  @Test
  void sourceHashIsStickyInABurst() throws Exception {
    Census census = burst(LoadBalancing.sourceHash());
    assertThat(census.sources.values().stream().mapToInt(Set::size).sum()).isEqualTo(4);
  }

  @Test
  void ownFunctionIsObeyedInABurst() throws Exception {
    Census census = burst((peer, loops, connections) -> 1);
    assertThat(census.counts).hasSize(1);
  }

  @Test
  void leastConnectionsFillsALoopThatHasBecomeEmpty() throws Exception {
    start(LoadBalancing.leastConnections());
    Map<Loop, List<Socket>> byLoop = new HashMap<>();
    for (int i = 0; i < 4 * LOOPS; i++) {
      Socket socket = connect();
      byLoop.computeIfAbsent(loop(recorder.connection()), loop -> new ArrayList<>()).add(socket);
    }
    assertThat(byLoop).hasSize(LOOPS);
    Loop emptied = byLoop.keySet().iterator().next();
    for (Socket socket : byLoop.get(emptied)) {
      socket.close();
    }
    Eventually.holds("the loop is empty", () -> emptied.connections() == 0);
    for (int i = 0; i < 4; i++) {
      connect();
      assertThat(loop(recorder.connection())).isSameAs(emptied);
    }
  }

  // Source hash.

  @Test
  void sourceHashIsStickyWhateverThePort() throws Exception {
    start(LoadBalancing.sourceHash());
    for (int host = 2; host <= 9; host++) {
      List<Loop> loops = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        sockets.add(Echo.connect("127.0.0." + host, "127.0.0.1", server.port()));
        Connection<String> connection = recorder.connection();
        assertThat(connection.remoteAddress().toString()).startsWith("/127.0.0." + host + ":");
        loops.add(loop(connection));
      }
      assertThat(Set.copyOf(loops)).hasSize(1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 7, 8, 16})
  void sourceHashSpreadsNeighboursOverTheLoops(int loops) throws Exception {
    LoadBalancing balancing = LoadBalancing.sourceHash();
    byte[] ip4 = {10, 0, 0, 0};
    byte[] ip6 = {0x20, 1, 0xd, (byte) 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    for (byte[] network : List.of(ip4, ip6)) {
      int[] counts = new int[loops];
      for (int host = 0; host < 4096; host++) {
        byte[] address = network.clone();
        address[address.length - 2] = (byte) (host >> 8);
        address[address.length - 1] = (byte) host;
        InetSocketAddress peer = new InetSocketAddress(InetAddress.getByAddress(address), host);
        counts[balancing.choose(peer, loops, loop -> 0)]++;
      }
      int fair = 4096 / loops;
      assertThat(counts)
          .as("%s", Arrays.toString(counts))
          .satisfies(all -> assertThat(all).doesNotContain(0))
          .satisfies(
              all ->
                  assertThat(Arrays.stream(all))
                      .allMatch(count -> count > fair / 2 && count < 2 * fair));
    }
  }

  /** Addresses of one network, all of which have the same hash code in the JDK. */
  @Test
  void sourceHashLetsNoPeerChooseAnEventLoop() throws Exception {
    List<InetSocketAddress> peers = new ArrayList<>();
    for (int host = 0; host < 1024; host++) {
      byte[] address = {0x20, 1, 0xd, (byte) 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
      address[8] = (byte) (host >> 2);
      address[10] = (byte) (host & 3);
      address[12] = (byte) (255 - (host >> 2));
      address[14] = (byte) (3 - (host & 3));
      peers.add(new InetSocketAddress(InetAddress.getByAddress(address), 1));
    }
    assertThat(peers)
        .extracting(peer -> peer.getAddress().hashCode())
        .containsOnly(peers.get(0).getAddress().hashCode());
    LoadBalancing first = LoadBalancing.sourceHash();
    LoadBalancing second = LoadBalancing.sourceHash();
    int[] counts = new int[4];
    int equal = 0;
    for (InetSocketAddress peer : peers) {
      int loop = first.choose(peer, 4, any -> 0);
      counts[loop]++;
      equal += loop == second.choose(peer, 4, any -> 0) ? 1 : 0;
    }
    assertThat(Arrays.stream(counts)).allMatch(count -> count > 128 && count < 512);
    assertThat(equal).isBetween(128, 512);
  }

  // Random.

  @Test
  void randomCoversAllLoopsAndNothingElse() {
    LoadBalancing balancing = LoadBalancing.random();
    InetSocketAddress peer = new InetSocketAddress(1);
    int[] chosen =
        IntStream.range(0, 1000).map(i -> balancing.choose(peer, 8, loop -> 0)).toArray();
    assertThat(chosen).contains(0, 1, 2, 3, 4, 5, 6, 7);
    assertThat(Arrays.stream(chosen)).allMatch(loop -> loop >= 0 && loop < 8);
  }

  @Test
  void randomCoversAllLoopsOfAServer() throws Exception {
    start(LoadBalancing.random());
    List<Loop> loops = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      connect();
      loops.add(loop(recorder.connection()));
    }
    assertThat(sizes(loops)).hasSize(LOOPS);
  }

  // The user's own.

  @Test
  void ownFunctionIsAskedWithPeerLoopsAndConnections() throws Exception {
    List<String> asked = new ArrayList<>();
    start(
        (peer, loops, connections) -> {
          List<Integer> counts = IntStream.range(0, loops).map(connections).boxed().toList();
          asked.add(peer + " " + counts);
          return 2;
        });
    List<String> expected = new ArrayList<>();
    List<Loop> loops = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Socket socket = connect();
      expected.add("/127.0.0.1:" + socket.getLocalPort() + " [0, 0, " + i + ", 0]");
      loops.add(loop(recorder.connection()));
    }
    assertThat(asked).isEqualTo(expected);
    assertThat(sizes(loops)).containsExactly(3L);
  }

  /** Faults of a user's function. */
  private enum Wrong {
    NEGATIVE,
    TOO_LARGE,
    EXCEPTION,
    ERROR
  }

  @ParameterizedTest
  @EnumSource
  void wrongChoiceClosesThatConnectionOnly(Wrong wrong) throws Exception {
    AtomicInteger asked = new AtomicInteger();
    start(
        (peer, loops, connections) -> {
          if (asked.getAndIncrement() % 2 == 0) {
            return 0;
          }
          return switch (wrong) {
            case NEGATIVE -> -1;
            case TOO_LARGE -> loops;
            case EXCEPTION -> throw new IllegalStateException("on purpose");
            case ERROR -> throw new NoClassDefFoundError("on purpose");
          };
        });
    try (LogCapture log = new LogCapture("dev.jev")) {
      for (int i = 0; i < 3; i++) {
        Socket good = connect();
        Socket refused = connect();
        assertThat(Echo.of(good, "good")).isEqualTo("good");
        assertThat(readToTheEnd(refused)).isEqualTo(-1);
        if (i == 0) {
          LogRecord refusal = log.await("connection refused: ");
          assertThat(refusal.getMessage())
              .isEqualTo("connection refused: /127.0.0.1:" + refused.getLocalPort());
          assertThat(refusal.getThrown()).isNotNull();
        }
      }
    }
    assertThat(server.connectionCount()).isEqualTo(3);
    for (int i = 0; i < 3; i++) {
      recorder.expect("connect", "message good");
    }
    recorder.expectNothingMore();
    for (Socket socket : sockets) {
      socket.close();
    }
    Eventually.holds("all have gone", () -> server.connectionCount() == 0);
  }

  private static int readToTheEnd(Socket socket) throws IOException {
    try {
      return socket.getInputStream().read();
    } catch (java.net.SocketException e) {
      return -1; // a reset is an end too
    }
  }
}
