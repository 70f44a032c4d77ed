package dev.jev.samples;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.CompletableFuture.completedStage;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.ConnectionInfo;
import dev.jev.Handler;
import dev.jev.ScheduledTask;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.nodes.Backplane;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.TopicGate;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.nodes.TopicKind;
import dev.jev.nodes.TopicSocket;
import dev.jev.websocket.HttpRequest;
import dev.jev.websocket.HttpResponse;
import dev.jev.websocket.WebSocketClose;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketMessage.Text;
import dev.jev.websocket.WebSocketProtocol;
import dev.jev.websocket.WebSocketServerBuilder;
import java.io.IOException;
import java.net.URI;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs the code of docs/websocket-authentication.md: its Java blocks are regions of this class. */
@Timeout(60)
class WebSocketAuthenticationGuideTest {

  // region cookie
  /** A user, the end of the credential, and the topics that the user may read. */
  record User(String name, Instant until, Set<String> topics) {}

  /** Accepts signed-in users; {@code sessions} finds the user of a session, or null. */
  static WebSocketServerBuilder byCookie(
      Function<String, CompletionStage<@Nullable User>> sessions) {
    return WebSocketProtocol.server()
        .path("/chat")
        .onUpgrade(request -> answer(request.cookie("__Host-session"), sessions));
  }

  static CompletionStage<HttpResponse> answer(
      @Nullable String secret, Function<String, CompletionStage<@Nullable User>> users) {
    return secret == null
        ? completedStage(HttpResponse.of(401))
        : users.apply(secret).thenApply(WebSocketAuthenticationGuideTest::answer);
  }

  static HttpResponse answer(@Nullable User user) {
    return user == null || user.until().isBefore(Instant.now())
        ? HttpResponse.of(401)
        : HttpResponse.accept().attribute(User.class, user);
  }

  // endregion

  // region tickets
  /** Tickets that open one WebSocket each, within 30 s. */
  static final class Tickets {

    private record Ticket(User user, Instant end) {}

    private final Map<String, Ticket> issued = new ConcurrentHashMap<>();
    private final SecureRandom random = new SecureRandom();
    private final InstantSource clock;

    Tickets(InstantSource clock) {
      this.clock = clock;
    }

    String issue(User user) {
      Instant now = clock.instant();
      issued.values().removeIf(ticket -> ticket.end().isBefore(now));
      byte[] id = new byte[16];
      random.nextBytes(id);
      String ticket = Base64.getUrlEncoder().withoutPadding().encodeToString(id);
      issued.put(ticket, new Ticket(user, now.plusSeconds(30)));
      return ticket;
    }

    CompletionStage<@Nullable User> redeem(String ticket) {
      Ticket found = issued.remove(ticket); // so that it is valid once
      boolean valid = found != null && clock.instant().isBefore(found.end());
      return completedStage(valid ? found.user() : null);
    }
  }

  static WebSocketServerBuilder byTicket(Tickets tickets) {
    return WebSocketProtocol.server()
        .path("/chat")
        .onUpgrade(request -> answer(request.parameter("ticket"), tickets::redeem));
  }

  // endregion

  // region token
  /** Accepts clients that offer a token beside the subprotocol. */
  static WebSocketServerBuilder byToken(Function<String, CompletionStage<@Nullable User>> tokens) {
    return WebSocketProtocol.server()
        .path("/chat")
        .subprotocols("chat.v1") // the answer names this one, never the token
        .onUpgrade(request -> answer(token(request), tokens));
  }

  static @Nullable String token(HttpRequest request) {
    String header = request.header("Authorization"); // of clients that are not browsers
    if (header != null && header.startsWith("Bearer ")) {
      return header.substring("Bearer ".length());
    }
    for (String offered : request.subprotocols()) {
      if (offered.startsWith("bearer.")) {
        return offered.substring("bearer.".length());
      }
    }
    return null;
  }

  // endregion

  // region expiry
  /** Closes a connection when its credential expires; called in {@code onConnect}. */
  static ScheduledTask closeAt(Instant end, Connection<WebSocketMessage> connection) {
    Duration left = Duration.between(Instant.now(), end);
    return connection.runAfter(
        left.isNegative() ? Duration.ZERO : left, // delays are 0 to 10 years
        () -> {
          connection.send(WebSocketMessage.close(4001, "token expired"));
          connection.close(); // also if the message was dropped, since too much is pending
        });
  }

  // endregion

  // region revocation
  /** Closes all connections of some users; returns how many. */
  static CompletionStage<Integer> closeAll(
      Server server, Predicate<User> users, CloseReason reason) {
    return server
        .connections()
        .find(info -> isOf(info, users))
        .thenApply(
            found -> {
              found.forEach(info -> info.connection().close(reason));
              return found.size();
            });
  }

  static boolean isOf(ConnectionInfo info, Predicate<User> users) {
    User user = info.connection().attribute(User.class);
    return user != null && users.test(user);
  }

  static CompletionStage<Integer> signOut(Server server, String name) {
    CloseReason signedOut = CloseReason.of(Kind.LIMIT, "signed out"); // 1008
    return closeAll(server, user -> user.name().equals(name), signedOut);
  }

  // endregion

  // region rights
  /** Subscribes a connection to a topic, if its user may read that. */
  static void subscribe(
      Map<String, Topic<WebSocketMessage>> topics,
      String name,
      Connection<WebSocketMessage> connection) {
    User user = connection.attribute(User.class);
    Topic<WebSocketMessage> topic = topics.get(name);
    if (user == null || topic == null || !user.topics().contains(name)) {
      connection.send(WebSocketMessage.text("denied: " + name)); // also if there is none
      return;
    }
    topic.subscribe(connection);
  }

  // endregion

  // region gate
  static Server startTopics(
      Nodes nodes, Function<String, CompletionStage<@Nullable User>> tokens, String uri) {
    TopicKind<String> room = TopicKind.log(MessageCodec.json(), 1000, Duration.ofMinutes(2));
    return TopicSocket.builder(nodes)
        .gate(request -> completedStage(grant(request, room)))
        .build()
        .server(options -> options.onUpgrade(request -> answer(request.parameter("token"), tokens)))
        .listen(uri)
        .start();
  }

  static Grant grant(TopicGate.Request request, TopicKind<String> room) {
    User user = request.connection().attribute(User.class);
    boolean member = user != null && user.topics().contains(request.topic());
    return member ? Grant.readWrite(room) : Grant.denied("not a member");
  }

  // endregion

  private static final String ANY_PORT = "tcp://127.0.0.1:0";
  private static final Instant LATER = Instant.parse("2100-01-01T00:00:00Z");
  private static final User ANN = new User("Ann", LATER, Set.of("news"));
  private static final User BOB = new User("Bob", LATER, Set.of());
  private static final User GONE = new User("Gone", Instant.EPOCH, Set.of());

  private static CompletionStage<@Nullable User> user(String secret) {
    return completedStage(Map.of("a", ANN, "b", BOB, "g", GONE).get(secret));
  }

  private static Server start(WebSocketServerBuilder sockets) {
    return start(sockets, WebSocketAuthenticationGuideTest::sign);
  }

  private static Server start(
      WebSocketServerBuilder sockets, Handler<WebSocketMessage, WebSocketMessage> handler) {
    return start(sockets, handler, Duration.ofMinutes(1));
  }

  private static Server start(
      WebSocketServerBuilder sockets,
      Handler<WebSocketMessage, WebSocketMessage> handler,
      Duration handshakeTimeout) {
    return Server.builder(sockets.build(), handler)
        .handshakeTimeout(handshakeTimeout)
        .listen(ANY_PORT)
        .start();
  }

  /** Replies with the name of the user and the text. */
  private static void sign(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    User user = requireNonNull(connection.attribute(User.class), "user");
    connection.send(WebSocketMessage.text(user.name() + ": " + ((Text) message).text()));
  }

  /** Returns the head of the answer to a handshake. */
  private static String handshake(Server server, String path, String... headers)
      throws IOException {
    try (RawClient client = new RawClient(server.port())) {
      client.sends("GET " + path + " HTTP/1.1\r\nHost: localhost:" + server.port() + "\r\n");
      client.sends("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
      for (String header : headers) {
        client.sends(header + "\r\n");
      }
      client.sends("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
      StringBuilder head = new StringBuilder();
      for (String line = client.receivesLine(); line.length() > 1; line = client.receivesLine()) {
        head.append(line).append('\n');
      }
      return head.toString();
    }
  }

  private static int status(Server server, String path, String... headers) throws IOException {
    return Integer.parseInt(handshake(server, path, headers).split(" ", 3)[1]);
  }

  @Test
  void userOfTheCookieIsAccepted() throws Exception {
    try (Server server = start(byCookie(WebSocketAuthenticationGuideTest::user))) {
      assertThat(status(server, "/chat", "Cookie: theme=dark; __Host-session=a")).isEqualTo(101);
      assertThat(status(server, "/chat", "Cookie: __Host-session=x")).isEqualTo(401);
      assertThat(status(server, "/chat", "Cookie: __Host-session=g")).isEqualTo(401);
      assertThat(status(server, "/chat")).isEqualTo(401);
      assertThat(status(server, "/other", "Cookie: __Host-session=a")).isEqualTo(404);
    }
  }

  @Test
  void pageOfAnotherOriginIsRefusedBeforeTheUserIsLookedUp() throws Exception {
    AtomicInteger lookups = new AtomicInteger();
    WebSocketServerBuilder sockets =
        byCookie(
            session -> {
              lookups.incrementAndGet();
              return user(session);
            });
    String cookie = "Cookie: __Host-session=a";
    try (Server server = start(sockets)) {
      String own = "Origin: http://localhost:" + server.port();
      assertThat(status(server, "/chat", cookie, "Origin: https://evil.example")).isEqualTo(403);
      assertThat(status(server, "/chat", cookie, "Origin: http://localhost")).isEqualTo(403);
      assertThat(status(server, "/chat", cookie, "Origin: null")).isEqualTo(403);
      assertThat(lookups).hasValue(0);
      assertThat(status(server, "/chat", cookie, own)).isEqualTo(101);
      assertThat(status(server, "/chat", cookie)).as("without an origin").isEqualTo(101);
      assertThat(lookups).hasValue(2);
    }
    try (Server server = start(byCookie(WebSocketAuthenticationGuideTest::user).requireOrigin())) {
      assertThat(status(server, "/chat", cookie)).isEqualTo(403);
    }
  }

  @Test
  void failedAndLateLookupsAreRefused() throws Exception {
    Map<String, CompletionStage<@Nullable User>> lookups = new HashMap<>();
    lookups.put("failed", CompletableFuture.failedFuture(new IllegalStateException("no database")));
    lookups.put("late", new CompletableFuture<>());
    WebSocketServerBuilder sockets = byCookie(session -> requireNonNull(lookups.get(session)));
    try (Server server =
        start(sockets, WebSocketAuthenticationGuideTest::sign, Duration.ofSeconds(3))) {
      assertThat(status(server, "/chat", "Cookie: __Host-session=failed")).isEqualTo(500);
      assertThat(status(server, "/chat", "Cookie: __Host-session=late")).isEqualTo(503);
    }
  }

  @Test
  void ticketOpensOneWebSocket() throws Exception {
    Tickets tickets = new Tickets(InstantSource.system());
    try (Server server = start(byTicket(tickets))) {
      String path = "/chat?ticket=" + tickets.issue(ANN);
      WebSocketTexts.connect(server.port(), path).sends("hi").expect("Ann: hi");
      assertThat(status(server, path)).isEqualTo(401);
      assertThat(status(server, "/chat?ticket=x")).isEqualTo(401);
      assertThat(status(server, "/chat")).isEqualTo(401);
    }
  }

  @Test
  void ticketExpires() {
    Instant[] now = {Instant.parse("2030-01-01T00:00:00Z")};
    Tickets tickets = new Tickets(() -> now[0]);
    String early = tickets.issue(ANN);
    String late = tickets.issue(ANN);
    tickets.issue(ANN);
    now[0] = now[0].plusSeconds(29);
    assertThat(tickets.redeem(early)).isCompletedWithValue(ANN);
    now[0] = now[0].plusSeconds(1);
    assertThat(tickets.redeem(late)).isCompletedWithValue(null);
    now[0] = now[0].plusSeconds(1);
    String last = tickets.issue(BOB);
    assertThat(tickets.issued).containsOnlyKeys(last);
  }

  @Test
  void tokenIsASubprotocolThatTheAnswerDoesNotName() throws Exception {
    try (Server server = start(byToken(WebSocketAuthenticationGuideTest::user))) {
      String answer = handshake(server, "/chat", "Sec-WebSocket-Protocol: chat.v1, bearer.a");
      assertThat(answer).contains("HTTP/1.1 101", "Sec-WebSocket-Protocol: chat.v1");
      assertThat(answer).doesNotContain("bearer");
      assertThat(status(server, "/chat", "Authorization: Bearer b")).isEqualTo(101);
      assertThat(status(server, "/chat", "Sec-WebSocket-Protocol: chat.v1")).isEqualTo(401);
      assertThat(status(server, "/chat", "Sec-WebSocket-Protocol: chat.v1, bearer.x"))
          .isEqualTo(401);
      assertThat(status(server, "/chat", "Authorization: Basic YTo=")).isEqualTo(401);
    }
  }

  @Test
  void clientWithAHeaderIsAccepted() throws Exception {
    CompletableFuture<String> reply = new CompletableFuture<>();
    try (Server server = start(byToken(WebSocketAuthenticationGuideTest::user))) {
      var chat =
          WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + server.port() + "/chat"))
              .subprotocols("chat.v1")
              .header("Authorization", "Bearer a");
      Handler<WebSocketMessage, WebSocketMessage> handler =
          (connection, message) -> reply.complete(((Text) message).text());
      try (Client<WebSocketMessage> client =
          Client.builder(chat.build(), handler).connect(chat.address())) {
        client
            .connected()
            .toCompletableFuture()
            .get(30, TimeUnit.SECONDS)
            .send(WebSocketMessage.text("hi"));
        assertThat(reply.get(30, TimeUnit.SECONDS)).isEqualTo("Ann: hi");
      }
    }
  }

  /** Closes connections at an end that the test sets, or not, if it has cancelled that. */
  private static final class Expiring implements Handler<WebSocketMessage, WebSocketMessage> {

    private final Instant end;
    private final boolean renewed;
    private final CompletableFuture<@Nullable WebSocketClose> closed = new CompletableFuture<>();

    Expiring(Instant end, boolean renewed) {
      this.end = end;
      this.renewed = renewed;
    }

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      ScheduledTask task = closeAt(end, connection);
      if (renewed) {
        task.cancel();
        closeAt(Instant.now().plusSeconds(3600), connection);
      }
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      connection.send(message);
    }

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      closed.complete(connection.attribute(WebSocketClose.class));
    }
  }

  @Test
  void connectionEndsWithItsToken() throws Exception {
    for (Duration left : List.of(Duration.ofMillis(200), Duration.ofSeconds(-5))) {
      Expiring handler = new Expiring(Instant.now().plus(left), /* renewed= */ false);
      try (Server server = start(WebSocketProtocol.server(), handler)) {
        assertThat(WebSocketTexts.connect(server.port(), "/").code()).isEqualTo(4001);
        WebSocketClose close = handler.closed.get(30, TimeUnit.SECONDS);
        assertThat(requireNonNull(close, "close").sent())
            .isEqualTo(WebSocketMessage.close(4001, "token expired"));
      }
    }
  }

  @Test
  void connectionWithANewTokenStays() throws Exception {
    Expiring handler = new Expiring(Instant.now(), /* renewed= */ true);
    try (Server server = start(WebSocketProtocol.server(), handler)) {
      WebSocketTexts.connect(server.port(), "/").sends("hi").expect("hi");
      assertThat(handler.closed).isNotDone();
    }
  }

  @Test
  void allConnectionsOfAUserAreClosed() throws Exception {
    try (Server server = start(byToken(WebSocketAuthenticationGuideTest::user))) {
      WebSocketTexts phone = connect(server, "a");
      WebSocketTexts laptop = connect(server, "a");
      WebSocketTexts bob = connect(server, "b");
      phone.sends("hi").expect("Ann: hi");
      laptop.sends("hi").expect("Ann: hi");
      bob.sends("hi").expect("Bob: hi");
      Integer closed = signOut(server, "Ann").toCompletableFuture().get(30, TimeUnit.SECONDS);
      assertThat(closed).isEqualTo(2);
      assertThat(phone.code()).isEqualTo(1008);
      assertThat(laptop.code()).isEqualTo(1008);
      bob.sends("still there").expect("Bob: still there");
    }
  }

  private static WebSocketTexts connect(Server server, String token) throws Exception {
    return WebSocketTexts.connect(server.port(), "/chat", "chat.v1", "bearer." + token);
  }

  @Test
  void userSubscribesToWhatIsAllowed() throws Exception {
    Map<String, Topic<WebSocketMessage>> topics =
        Map.of("news", Topic.of("news"), "secrets", Topic.of("secrets"));
    Handler<WebSocketMessage, WebSocketMessage> handler =
        (connection, message) -> {
          String name = ((Text) message).text();
          subscribe(topics, name, connection);
          connection.send(WebSocketMessage.text("asked for " + name));
        };
    try (Server server = start(byToken(WebSocketAuthenticationGuideTest::user), handler)) {
      WebSocketTexts ann = connect(server, "a").sends("secrets");
      assertThat(ann.next()).isEqualTo("denied: secrets");
      ann.expect("asked for secrets").sends("nothing");
      assertThat(ann.next()).isEqualTo("denied: nothing");
      ann.expect("asked for nothing").sends("news");
      assertThat(ann.next()).isEqualTo("asked for news");
      assertThat(requireNonNull(topics.get("news")).size()).isEqualTo(1);
      assertThat(requireNonNull(topics.get("secrets")).size()).isZero();
    }
  }

  @Test
  void gateGrantsWhatTheUserMayRead() throws Exception {
    Nodes nodes = Nodes.builder(Backplane.inProcess()).build();
    try (Server server = startTopics(nodes, WebSocketAuthenticationGuideTest::user, ANY_PORT)) {
      String protocol = "Sec-WebSocket-Protocol: " + TopicSocket.SUBPROTOCOL;
      assertThat(status(server, "/?token=x", protocol)).isEqualTo(401);
      assertThat(status(server, "/?token=a", protocol)).isEqualTo(101);
      WebSocketTexts ann =
          WebSocketTexts.connect(server.port(), "/?token=a", TopicSocket.SUBPROTOCOL);
      ann.sends("{\"subscribe\":[\"news\",\"secrets\"]}");
      ann.expectMatch(".*denied.*secrets.*not a member.*");
      ann.sends("{\"publish\":\"news\",\"data\":\"hello\",\"id\":1}");
      ann.expectMatch(".*\"hello\".*");
    }
  }

  @Test
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown(
        "docs/websocket-authentication.md", WebSocketAuthenticationGuideTest.class);
  }
}
