package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.FirstBytes;
import dev.jev.codec.Multiplexer;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Drain;
import dev.jev.plugin.Limits;
import dev.jev.plugin.Limits.ConnectionLimitAction;
import dev.jev.websocket.HttpRequest;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.HttpResponse;
import dev.jev.websocket.WebSocketHandshake;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketMessage.Binary;
import dev.jev.websocket.WebSocketMessage.Fragment;
import dev.jev.websocket.WebSocketMessage.Text;
import dev.jev.websocket.WebSocketProtocol;
import dev.jev.websocket.WebSocketServerBuilder;
import io.netty.buffer.ByteBufUtil;
import java.io.IOException;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocketHandshakeException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

/** Runs the code of docs/websocket.md: each of its Java blocks is a region of this class. */
class WebSocketGuideTest {

  // region upgrade
  /** Accepts the clients whose name is found by an asynchronous lookup. */
  static WebSocketServerBuilder sockets(Function<HttpRequest, CompletionStage<String>> names) {
    return WebSocketProtocol.server()
        .path("/chat")
        .path("/rooms/*") // all paths below
        .hosts("example.com", "127.0.0.1")
        .origins("https://example.com")
        .subprotocols("chat.v2", "chat.v1")
        .onUpgrade(request -> names.apply(request).thenApply(WebSocketGuideTest::answer));
  }

  static HttpResponse answer(String name) {
    String ascii = URLEncoder.encode(name, UTF_8); // a header line is ASCII
    return name.isEmpty() ? HttpResponse.of(401) : HttpResponse.accept().header("X-Name", ascii);
  }

  // endregion

  // region user
  record User(String name) {}

  static HttpResponse welcome(String name) {
    User user = new User(name); // the client does not see an attribute
    return HttpResponse.accept().attribute(User.class, user);
  }

  static void sign(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    User author = connection.attribute(User.class);
    connection.send(WebSocketMessage.text(author.name() + ": " + ((Text) message).text()));
  }

  // endregion

  // region seats
  /** Accepts as many clients as there are seats. */
  static WebSocketServerBuilder limited(Semaphore seats, CompletionStage<HttpResponse> answer) {
    return WebSocketProtocol.server()
        .onUpgrade(
            request -> {
              if (!seats.tryAcquire()) {
                return CompletableFuture.completedStage(HttpResponse.of(503));
              }
              request.onClose(seats::release); // even if the client leaves before the answer
              return answer;
            });
  }

  // endregion

  // region service
  static Server start(WebSocketServerBuilder sockets, Drain drain, String uri) {
    HttpResponder pages =
        HttpResponder.at("/ready", () -> HttpResponse.of(drain.isReady() ? 200 : 503))
            .or(HttpResponder.classPath("chat")); // index.html and its resources
    Supplier<WebSocketProtocol> protocol =
        sockets.http(pages).compression().maxMessageBytes(256 * 1024).stopCloseCode(1012).build();
    return Server.builder(protocol, WebSocketGuideTest::shout)
        .plugin(drain)
        .plugin(Limits.builder().messageRate(20, 100).writeStallTimeout().build())
        .listen(uri)
        .start();
  }

  // endregion

  // region messages
  static void shout(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    if (!(message instanceof Text text)) {
      connection.send(message); // echoes bytes without a copy
    } else if (text.text().equals("bye")) {
      connection.send(WebSocketMessage.close(4000, "as you like"));
    } else {
      connection.send(WebSocketMessage.text(text.text().toUpperCase(Locale.ROOT)));
    }
  }

  // endregion

  // region devices
  /** Each user may have three connections; a fourth one closes the oldest, with 1008. */
  static Limits devices() {
    return Limits.builder()
        .connectionsPer(c -> c.attribute(User.class), 3, ConnectionLimitAction.CLOSE_OLDEST)
        .build();
  }

  // endregion

  // region parts
  /** Replies to a message of any length with its checksum; needs streaming(). */
  static void sum(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    Fragment part = (Fragment) message; // streaming() delivers nothing else
    if (part.isFirst()) {
      connection.attach(new CRC32());
    }
    CRC32 crc = connection.attachment(CRC32.class);
    crc.update(part.content().nioBuffer());
    if (part.isLast()) {
      connection.send(WebSocketMessage.text(Long.toHexString(crc.getValue())));
    }
  }

  // endregion

  // region tunnel
  /** Serves lines on one port: for nc, for TLS with a plugin, and for browsers. */
  static Server.Builder<Object, Object> lines(Handler<String, String> handler) {
    Multiplexer port =
        Multiplexer.builder()
            .when(
                FirstBytes.http(),
                WebSocketProtocol.server().path("/lines").tunnel(Protocols::lines),
                handler)
            .otherwise(Protocols::lines, handler)
            .build();
    return Server.builder(port::protocol, port.handler());
  }

  static Client<String> tunnel(URI uri, Handler<String, String> handler) {
    var sockets = WebSocketProtocol.client(uri);
    return Client.builder(sockets.tunnel(Protocols::lines), handler).connect(sockets.address());
  }

  // endregion

  // region client
  static Client<WebSocketMessage> join(URI uri, Handler<WebSocketMessage, WebSocketMessage> user) {
    var chat = WebSocketProtocol.client(uri).subprotocols("chat.v1").compression();
    return Client.builder(chat.build(), user).reconnect().connect(chat.address());
  }

  // endregion

  private static final String ANY_PORT = "tcp://127.0.0.1:0";

  private static WebSocketServerBuilder sockets() {
    return sockets(
        request ->
            CompletableFuture.supplyAsync(
                () -> "7".equals(request.parameter("ticket")) ? "Ann" : ""));
  }

  private static Drain drain() {
    return Drain.builder()
        .acceptTime(Duration.ZERO)
        .spread(Duration.ZERO)
        .withoutShutdownHook()
        .build();
  }

  private static int status(Server server, String path) throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + server.port() + path);
    return HttpClient.newHttpClient()
        .send(java.net.http.HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString())
        .statusCode();
  }

  private static void expectRefused(Server server, String path, int status) {
    assertThatThrownBy(() -> WebSocketTexts.connect(server.port(), path))
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOfSatisfying(
            WebSocketHandshakeException.class,
            refused -> assertThat(refused.getResponse().statusCode()).isEqualTo(status));
  }

  @Test
  void clientWithATicketIsAccepted() throws Exception {
    try (Server server = start(sockets(), drain(), ANY_PORT)) {
      WebSocketTexts ann = WebSocketTexts.connect(server.port(), "/rooms/1?ticket=7");
      ann.sends("hi").expect("HI");
      ann.sends("bye");
      assertThat(ann.code()).isEqualTo(4000);
      expectRefused(server, "/rooms/1?ticket=8", 401);
      expectRefused(server, "/elsewhere?ticket=7", 404);
    }
  }

  @Test
  void seatOfAClientThatLeavesBeforeTheAnswerIsFree() throws Exception {
    Semaphore seats = new Semaphore(1);
    CompletableFuture<HttpResponse> answer = new CompletableFuture<>();
    Server.Builder<WebSocketMessage, WebSocketMessage> builder =
        Server.builder(limited(seats, answer).build(), WebSocketGuideTest::shout);
    try (Server server = builder.listen(ANY_PORT).start()) {
      Client<WebSocketMessage> early =
          join(URI.create("ws://127.0.0.1:" + server.port()), (connection, message) -> {});
      await(() -> seats.availablePermits() == 0);
      expectRefused(server, "/", 503);
      early.close();
      await(() -> seats.availablePermits() == 1);
      answer.complete(HttpResponse.accept());
      WebSocketTexts.connect(server.port(), "/").sends("hi").expect("HI");
    }
    assertThat(seats.availablePermits()).isEqualTo(1);
  }

  @Test
  void handlerKnowsTheUserOfTheHandshake() throws Exception {
    WebSocketServerBuilder sockets =
        WebSocketProtocol.server()
            .onUpgrade(
                request -> CompletableFuture.completedStage(welcome(request.parameter("name"))));
    Server.Builder<WebSocketMessage, WebSocketMessage> builder =
        Server.builder(sockets.build(), WebSocketGuideTest::sign).plugin(devices());
    try (Server server = builder.listen(ANY_PORT).start()) {
      WebSocketTexts oldest = WebSocketTexts.connect(server.port(), "/?name=Ann");
      oldest.sends("hi").expect("Ann: hi");
      WebSocketTexts bob = WebSocketTexts.connect(server.port(), "/?name=Bob");
      for (int i = 0; i < 3; i++) {
        WebSocketTexts.connect(server.port(), "/?name=Ann").sends("hi").expect("Ann: hi");
      }
      assertThat(oldest.code()).isEqualTo(1008);
      bob.sends("hi").expect("Bob: hi");
    }
  }

  private static void await(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(10));
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
    }
  }

  /** A header line is ASCII, and names are not. */
  @Test
  void clientWithAnyNameIsAccepted() throws Exception {
    for (String name : List.of("Ann", "j\u00fcrgen", "\u039e\u03ad\u03bd\u03b7", "\ud83d\ude00")) {
      WebSocketServerBuilder sockets = sockets(request -> CompletableFuture.completedFuture(name));
      try (Server server = start(sockets, drain(), ANY_PORT);
          Client<WebSocketMessage> client =
              join(
                  URI.create("ws://127.0.0.1:" + server.port() + "/chat"),
                  (connection, message) -> {})) {
        Connection<WebSocketMessage> connection =
            client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
        String header =
            requireNonNull(connection.attribute(WebSocketHandshake.class), "handshake")
                .response()
                .header("X-Name");
        assertThat(URLDecoder.decode(requireNonNull(header, "X-Name"), UTF_8)).isEqualTo(name);
      }
    }
  }

  @Test
  void pagesAreServedBesideAndADrainSaysThatTheServerRestarts() throws Exception {
    Drain drain = drain();
    try (Server server = start(sockets(), drain, ANY_PORT)) {
      assertThat(status(server, "/ready")).isEqualTo(200);
      assertThat(status(server, "/")).isEqualTo(200);
      assertThat(status(server, "/nothing")).isEqualTo(404);
      WebSocketTexts ann = WebSocketTexts.connect(server.port(), "/chat?ticket=7");
      ann.sends("hi").expect("HI");
      drain.begin();
      assertThat(ann.code()).isEqualTo(1012);
    }
  }

  @Test
  void clientGetsTheSubprotocolAndItsBytes() throws Exception {
    BlockingQueue<WebSocketMessage> received = new LinkedBlockingQueue<>();
    byte[] bytes = {1, 2, 3};
    try (Server server = start(sockets(), drain(), ANY_PORT);
        Client<WebSocketMessage> client =
            join(
                URI.create("ws://127.0.0.1:" + server.port() + "/chat?ticket=7"),
                (connection, message) -> received.add(copy((Binary) message)))) {
      Connection<WebSocketMessage> connection =
          client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
      WebSocketHandshake handshake =
          requireNonNull(connection.attribute(WebSocketHandshake.class), "handshake");
      assertThat(handshake.subprotocol()).isEqualTo("chat.v1");
      assertThat(handshake.response().header("X-Name")).isEqualTo("Ann");
      connection.send(WebSocketMessage.binary(bytes));
      assertThat(received.poll(10, TimeUnit.SECONDS)).isEqualTo(WebSocketMessage.binary(bytes));
    }
  }

  private static WebSocketMessage copy(Binary bytes) {
    return WebSocketMessage.binary(ByteBufUtil.getBytes(bytes.content()));
  }

  @Test
  void partsOfALongMessageAreSummed() throws Exception {
    CRC32 expected = new CRC32();
    expected.update("x".repeat(300_000).getBytes(UTF_8));
    Server.Builder<WebSocketMessage, WebSocketMessage> builder =
        Server.builder(WebSocketProtocol.server().streaming().build(), WebSocketGuideTest::sum);
    try (Server server = builder.listen(ANY_PORT).start()) {
      WebSocketTexts client = WebSocketTexts.connect(server.port(), "/");
      client.sends("x".repeat(300_000)).expect(Long.toHexString(expected.getValue()));
      client.sends("").expect("0");
    }
  }

  @Test
  void linesGoThroughATunnelAndWithoutOne() throws Exception {
    BlockingQueue<String> received = new LinkedBlockingQueue<>();
    Handler<String, String> collecting = (connection, line) -> received.add(line);
    try (Server server =
            lines(Handler.replying(line -> line.toUpperCase(Locale.ROOT)))
                .listen(ANY_PORT)
                .start();
        RawClient tcp = new RawClient(server.port());
        Client<String> client =
            tunnel(URI.create("ws://127.0.0.1:" + server.port() + "/lines"), collecting)) {
      assertThat(tcp.sends("hi\n").receivesLine()).isEqualTo("HI");
      client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS).send("ho");
      assertThat(received.poll(10, TimeUnit.SECONDS)).isEqualTo("HO");
    }
  }

  @Test
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("docs/websocket.md", WebSocketGuideTest.class);
  }
}
