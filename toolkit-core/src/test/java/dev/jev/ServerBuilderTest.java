package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Valid and invalid configurations. */
class ServerBuilderTest {

  private static final Handler<String, String> ECHO = Handler.replying(text -> text);

  private final Recorder<String, String> recorder = new Recorder<>(ECHO);

  private static Server.Builder<String, String> builder() {
    return Server.builder(Texts::new, ECHO);
  }

  /** The settings of a connection to a server. */
  private ConnectionConfig<?, ?> settings(Server server) throws Exception {
    assertThat(Echo.of("127.0.0.1", server.port(), "hi")).isEqualTo("hi");
    return ((StreamConnection<?, ?>) recorder.connection()).config();
  }

  @Test
  void defaultsAreAsDocumented() throws Exception {
    try (Server server = Server.builder(Texts::new, recorder).listen("tcp://127.0.0.1:0").start()) {
      ConnectionConfig<?, ?> config = settings(server);
      assertThat(config.maxFrameBytes()).isEqualTo(1024 * 1024);
      assertThat(config.maxPendingBytes()).isEqualTo(1024 * 1024);
      assertThat(config.lowWatermark()).isEqualTo(64 * 1024);
      assertThat(config.highWatermark()).isEqualTo(256 * 1024);
      assertThat(config.overflow()).isSameAs(OverflowPolicy.CLOSE);
      assertThat(config.handshakeTimeoutNanos()).isEqualTo(Duration.ofSeconds(10).toNanos());
      assertThat(config.frameTimeoutNanos()).isEqualTo(Duration.ofSeconds(30).toNanos());
      assertThat(config.closeTimeoutNanos()).isEqualTo(Duration.ofSeconds(5).toNanos());
      assertThat(loopThreads()).isEqualTo(Runtime.getRuntime().availableProcessors());
    }
  }

  @Test
  void everyValueIsUsed() throws Exception {
    try (Server server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .transport(Transport.NIO)
            .eventLoops(3)
            .loadBalancing(LoadBalancing.random())
            .maxConnections(7)
            .maxFrameBytes(1000)
            .maxPendingBytes(2000)
            .writeWatermarks(500, 2000)
            .overflow(OverflowPolicy.DROP_NEWEST)
            .handshakeTimeout(Duration.ofSeconds(3))
            .frameTimeout(Duration.ofSeconds(6))
            .closeTimeout(Duration.ofSeconds(4))
            .blockedLoopThreshold(Duration.ofSeconds(5))
            .start()) {
      ConnectionConfig<?, ?> config = settings(server);
      assertThat(config.maxFrameBytes()).isEqualTo(1000);
      assertThat(config.maxPendingBytes()).isEqualTo(2000);
      assertThat(config.lowWatermark()).isEqualTo(500);
      assertThat(config.highWatermark()).isEqualTo(2000);
      assertThat(config.overflow()).isSameAs(OverflowPolicy.DROP_NEWEST);
      assertThat(config.handshakeTimeoutNanos()).isEqualTo(Duration.ofSeconds(3).toNanos());
      assertThat(config.frameTimeoutNanos()).isEqualTo(Duration.ofSeconds(6).toNanos());
      assertThat(config.closeTimeoutNanos()).isEqualTo(Duration.ofSeconds(4).toNanos());
      assertThat(server.transport()).isSameAs(Transport.NIO);
      assertThat(loopThreads()).isEqualTo(3);
    }
  }

  private static long loopThreads() {
    return Eventually.serverThreads().stream().filter(name -> name.startsWith("jev-loop")).count();
  }

  @Test
  void builderCanStartSeveralServers() throws Exception {
    Server.Builder<String, String> builder = builder().listen("tcp://127.0.0.1:0").eventLoops(1);
    try (Server first = builder.start();
        Server second = builder.start()) {
      assertThat(first.port()).isNotEqualTo(second.port());
      first.stop(Duration.ZERO);
      first.awaitStop();
      assertThat(Echo.of("127.0.0.1", second.port(), "hi")).isEqualTo("hi");
    }
  }

  @Test
  void listenOnlyReplacesTheAddresses() throws Exception {
    Server.Builder<String, String> builder =
        builder().listen("tcp://127.0.0.1:0").listen("udp://127.0.0.1:0");
    try (Server server = builder.listenOnly(List.of("tcp://127.0.0.2:0")).start()) {
      assertThat(server.addresses()).singleElement().asString().startsWith("/127.0.0.2:");
    }
  }

  @Test
  void addressesThatCannotBeParsedReplaceNothing() throws Exception {
    Server.Builder<String, String> builder = builder().listen("tcp://127.0.0.1:0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.listenOnly(List.of("tcp://127.0.0.2:0", "tcp://a:70000")))
        .withMessage("port: 70000 (expected: 0..65535)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.listenOnly(List.of()))
        .withMessage("addresses: 0 (expected: 1..2147483647)");
    try (Server server = builder.start()) {
      assertThat(server.addresses()).singleElement().asString().startsWith("/127.0.0.1:");
    }
  }

  // Numbers.

  @ParameterizedTest
  @CsvSource({"0, 1..1024", "-1, 1..1024", "1025, 1..1024"})
  void eventLoopsOutOfRangeAreRefused(int value, String range) {
    expectRefusal(b -> b.eventLoops(value), "eventLoops: " + value, range);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE})
  void maxConnectionsOutOfRangeAreRefused(int value) {
    expectRefusal(b -> b.maxConnections(value), "maxConnections: " + value, "1..2147483647");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, (1 << 30) + 1})
  void maxFrameBytesOutOfRangeAreRefused(int value) {
    expectRefusal(b -> b.maxFrameBytes(value), "maxFrameBytes: " + value, "1..1073741824");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, (1 << 30) + 1})
  void maxPendingBytesOutOfRangeAreRefused(int value) {
    expectRefusal(b -> b.maxPendingBytes(value), "maxPendingBytes: " + value, "1..1073741824");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, (1 << 30) + 1})
  void highMarkOutOfRangeIsRefused(int value) {
    expectRefusal(b -> b.writeWatermarks(1, value), "high: " + value, "1..1073741824");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 501})
  void lowMarkThatIsNotBelowTheHighOneIsRefused(int value) {
    expectRefusal(b -> b.writeWatermarks(value, 500), "low: " + value, "1..500");
  }

  @Test
  void leastAndGreatestValuesAreAccepted() {
    assertThat(
            builder()
                .eventLoops(1)
                .eventLoops(1024)
                .maxConnections(1)
                .maxConnections(Integer.MAX_VALUE)
                .maxFrameBytes(1)
                .maxFrameBytes(1 << 30)
                .maxPendingBytes(1)
                .maxPendingBytes(1 << 30)
                .writeWatermarks(1, 1)
                .writeWatermarks(1 << 30, 1 << 30)
                .handshakeTimeout(Duration.ofNanos(1))
                .handshakeTimeout(Duration.ofDays(3650))
                .frameTimeout(Duration.ZERO)
                .frameTimeout(Duration.ofDays(3650)))
        .isNotNull();
  }

  // Durations.

  @ParameterizedTest
  @ValueSource(strings = {"PT0S", "PT-1S", "PT-0.000000001S", "PT87600H0.000000001S", "PT1000000H"})
  void durationsOutOfRangeAreRefused(Duration value) {
    String range = "> PT0S and <= PT87600H";
    expectRefusal(b -> b.handshakeTimeout(value), "handshakeTimeout: " + value, range);
    expectRefusal(b -> b.closeTimeout(value), "closeTimeout: " + value, range);
    expectRefusal(b -> b.blockedLoopThreshold(value), "blockedLoopThreshold: " + value, range);
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT-1S", "PT-0.000000001S", "PT87600H0.000000001S"})
  void frameTimeoutsOutOfRangeAreRefused(Duration value) {
    expectRefusal(b -> b.frameTimeout(value), "frameTimeout: " + value, "PT0S..PT87600H");
  }

  private static void expectRefusal(
      Consumer<Server.Builder<String, String>> call, String value, String expected) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> call.accept(builder()))
        .withMessage(value + " (expected: " + expected + ")");
  }

  // Null.

  static Stream<Arguments> callsWithNull() {
    return Stream.of(
        call("protocols", b -> Server.builder(null, ECHO)),
        call("handler", b -> Server.builder(Texts::new, null)),
        call("uri", b -> b.listen(null)),
        call("transport", b -> b.transport(null)),
        call("loadBalancing", b -> b.loadBalancing(null)),
        call("overflow", b -> b.overflow(null)),
        call("handshakeTimeout", b -> b.handshakeTimeout(null)),
        call("frameTimeout", b -> b.frameTimeout(null)),
        call("closeTimeout", b -> b.closeTimeout(null)),
        call("blockedLoopThreshold", b -> b.blockedLoopThreshold(null)));
  }

  private static Arguments call(String name, Consumer<Server.Builder<String, String>> call) {
    return Arguments.of(name, call);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("callsWithNull")
  void nullIsRefusedWithTheNameOfTheParameter(
      String name, Consumer<Server.Builder<String, String>> call) {
    assertThatNullPointerException().isThrownBy(() -> call.accept(builder())).withMessage(name);
  }

  // Faults found at the start.

  @Test
  void startWithoutAnAddressIsRefused() throws Exception {
    assertThatIllegalStateException()
        .isThrownBy(() -> builder().start())
        .withMessage("no address to listen on; call listen first");
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void highMarkAboveMaxPendingBytesIsRefused() throws Exception {
    Server.Builder<String, String> builder = builder().listen("tcp://127.0.0.1:0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.maxPendingBytes(256 * 1024 - 1).start())
        .withMessage("maxPendingBytes: 262143 (expected: >= high watermark 262144)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.maxPendingBytes(100).writeWatermarks(1, 101).start())
        .withMessage("maxPendingBytes: 100 (expected: >= high watermark 101)");
    Eventually.noServerThreadIsLeft();
    builder.writeWatermarks(1, 100).start().close(); // the two calls may be in either order
    builder.writeWatermarks(1, 200).maxPendingBytes(200).start().close();
  }

  @Test
  void refusedMarksLeaveTheOldOnes() throws Exception {
    Server.Builder<String, String> builder =
        Server.builder(Texts::new, recorder).listen("tcp://127.0.0.1:0").writeWatermarks(10, 20);
    assertThatIllegalArgumentException().isThrownBy(() -> builder.writeWatermarks(50, 40));
    try (Server server = builder.start()) {
      assertThat(settings(server).lowWatermark()).isEqualTo(10);
      assertThat(settings(server).highWatermark()).isEqualTo(20);
    }
  }
}
