package dev.jev.nodes;

import static dev.jev.nodes.SocketPeer.position;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Server;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.nodes.TopicGate.Request;
import dev.jev.plugin.Drain;
import dev.jev.websocket.WebSocketHandshake;
import dev.jev.websocket.WebSocketMessage;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class TopicSocketTest {

  private static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.json(), 1000, Duration.ofMinutes(1));
  private static final Grant ALL = Grant.readWrite(LOG);

  private final Backplane engine = Backplane.inProcess();
  private final Nodes nodes = Nodes.builder(engine).name("a").build();
  private final List<Server> servers = new ArrayList<>();
  private final List<SocketPeer> peers = new ArrayList<>();

  private Server start(UnaryOperator<TopicSocket.Builder> options) {
    TopicSocket.Builder builder = TopicSocket.builder(nodes).gate(TopicGate.always(ALL));
    TopicSocket socket = options.apply(builder).build();
    return start(socket.server());
  }

  private Server start(Server.Builder<?, ?> builder) {
    Server server = builder.listen("tcp://127.0.0.1:0").start();
    servers.add(server);
    return server;
  }

  private Server start() {
    return start(UnaryOperator.identity());
  }

  private SocketPeer connect(Server server) throws Exception {
    SocketPeer peer = SocketPeer.connect(server);
    peers.add(peer);
    return peer;
  }

  private SocketPeer connect(TopicGate gate) throws Exception {
    return connect(start(builder -> builder.gate(gate)));
  }

  private int subscribers(String topic) {
    return ((ClusterTopic<?>) nodes.topic(topic, LOG)).subscribers();
  }

  @Test
  void serverMayHaveOtherWebSocketsToo() throws Exception {
    TopicSocket topics = TopicSocket.builder(nodes).gate(TopicGate.always(ALL)).build();
    Handler<WebSocketMessage, WebSocketMessage> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<WebSocketMessage> connection) {
            connection.attach("free for the application");
            if (isOfTopics(connection)) {
              topics.onConnect(connection);
            }
          }

          @Override
          public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
            if (isOfTopics(connection)) {
              topics.onMessage(connection, message);
            } else {
              connection.send(WebSocketMessage.text("other"));
            }
          }

          @Override
          public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
            if (isOfTopics(connection)) {
              topics.onClose(connection, reason);
            }
          }
        };
    Server server =
        start(
            Server.<WebSocketMessage, WebSocketMessage>builder(topics.protocol().build(), handler)
                .plugin(nodes)
                .plugin(topics));
    SocketPeer other = SocketPeer.connectPlain(server);
    peers.add(other);
    other.send("hello").expect("other");
    SocketPeer peer = connect(server);
    peer.subscribe("t");
    server.stop(Duration.ofSeconds(5));
    assertThat(peer.receive()).startsWith("{\"reconnect\":");
    other.expectClose(1012); // and no text that it would not understand
  }

  private static boolean isOfTopics(Connection<WebSocketMessage> connection) {
    WebSocketHandshake handshake = connection.attribute(WebSocketHandshake.class);
    return handshake != null && TopicSocket.SUBPROTOCOL.equals(handshake.subprotocol());
  }

  @AfterEach
  void stop() {
    peers.forEach(SocketPeer::close);
    servers.forEach(server -> server.stop(Duration.ofSeconds(2)));
    engine.close();
  }

  /** A gate that answers when the test does. */
  private static final class ManualGate implements TopicGate {

    final Map<String, CompletableFuture<Grant>> answers = new ConcurrentHashMap<>();
    final BlockingQueue<Request> asked = new LinkedBlockingQueue<>();

    private static String key(String topic, boolean publish) {
      return (publish ? "publish " : "read ") + topic;
    }

    @Override
    public CompletionStage<Grant> ask(Request request) {
      CompletableFuture<Grant> answer = new CompletableFuture<>();
      answers.put(key(request.topic(), request.publish()), answer);
      asked.add(request);
      return answer;
    }

    Request awaitAsked() throws Exception {
      Request request = asked.poll(10, TimeUnit.SECONDS);
      assertThat(request).isNotNull();
      return request;
    }

    void answer(String topic, boolean publish, Grant grant) {
      answers.get(key(topic, publish)).complete(grant);
    }
  }

  // Heartbeat.

  @Test
  void heartbeatComesFirstAndEveryInterval() throws Exception {
    SocketPeer peer = connect(start(builder -> builder.heartbeat(Duration.ofSeconds(1))));
    peer.expect("{\"heartbeat\":1}", "{\"heartbeat\":1}");
  }

  @Test
  void severalServersHaveOneHeartbeat() throws Exception {
    TopicSocket socket =
        TopicSocket.builder(nodes)
            .gate(TopicGate.always(ALL))
            .heartbeat(Duration.ofSeconds(1))
            .build();
    long begin = System.nanoTime();
    Server server = start(socket.server());
    start(socket.server());
    SocketPeer peer = connect(server);
    for (int i = 0; i < 4; i++) {
      peer.expect("{\"heartbeat\":1}");
    }
    // Two heartbeats would take two seconds. One takes four, or 2.5 if the second server is late.
    assertThat(System.nanoTime() - begin).isGreaterThan(TimeUnit.MILLISECONDS.toNanos(2_400));
  }

  // Subscribing and publishing.

  @Test
  void subscriberGetsWhatIsPublished() throws Exception {
    SocketPeer peer = connect(start());
    peer.subscribe("a");
    peer.send("{\"publish\":\"a\",\"data\":{\"x\": [1,\"ä\"]},\"id\":7}");
    List<String> both = new ArrayList<>(List.of(peer.receive(), peer.receive()));
    both.sort(null); // the receipt and the message have no order
    assertThat(both.get(0)).startsWith("{\"published\":7,\"position\":\"");
    assertThat(both.get(1)).startsWith("{\"topic\":\"a\",\"position\":\"");
    assertThat(both.get(1)).endsWith("\",\"data\":{\"x\": [1,\"ä\"]}}");
    assertThat(position(both.get(0))).isEqualTo(position(both.get(1)));
  }

  @Test
  void publicationWithoutIdHasNoAnswer() throws Exception {
    SocketPeer peer = connect(start());
    peer.send("{\"publish\":\"a\",\"data\":1}");
    peer.expectNothingElse();
  }

  @Test
  void senderDoesNotGetItsMessageWithoutEcho() throws Exception {
    Server server = start();
    SocketPeer peer = connect(server);
    SocketPeer other = connect(server);
    peer.subscribe("a");
    other.subscribe("a");
    peer.send("{\"publish\":\"a\",\"data\":1,\"echo\":false}");
    assertThat(other.receive()).endsWith("\"data\":1}");
    other.send("{\"publish\":\"a\",\"data\":2}");
    assertThat(peer.receive()).endsWith("\"data\":2}");
  }

  @Test
  void returningClientGetsWhatItHasMissed() throws Exception {
    Server server = start();
    SocketPeer peer = connect(server);
    peer.subscribe("a");
    peer.send("{\"publish\":\"a\",\"data\":1}");
    String at = position(peer.receive());
    for (int i = 2; i <= 4; i++) {
      peer.send("{\"publish\":\"a\",\"data\":" + i + ",\"echo\":false,\"id\":" + i + "}");
      peer.receive();
    }
    SocketPeer returned = connect(server);
    returned.send("{\"subscribe\":[\"a\",\"b\"],\"after\":{\"a\":\"" + at + "\"}}");
    List<String> received = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      received.add(returned.receive());
    }
    assertThat(received.stream().filter(text -> text.contains("\"b\""))).hasSize(1);
    received.removeIf(text -> text.contains("\"b\""));
    assertThat(received.get(0))
        .isEqualTo(
            "{\"subscribed\":\"a\",\"position\":\"" + at + "\",\"replayed\":3,\"lost\":false}");
    for (int i = 2; i <= 4; i++) {
      assertThat(received.get(i - 1)).endsWith("\"data\":" + i + "}");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"17-0", "", "not a position", "-", "0", "1-1:99999"})
  void unknownPositionIsLost(String position) throws Exception {
    SocketPeer peer = connect(start());
    peer.send("{\"subscribe\":[\"a\"],\"after\":{\"a\":\"" + position + "\"}}");
    assertThat(peer.receive()).endsWith("\"replayed\":0,\"lost\":true}");
    peer.send("{\"publish\":\"a\",\"data\":1}");
    assertThat(peer.receive()).endsWith("\"data\":1}");
  }

  @Test
  void positionIsLostIfReplayIsNotGranted() throws Exception {
    Server server = start(builder -> builder.gate(TopicGate.always(ALL.replay(false))));
    SocketPeer peer = connect(server);
    String at = peer.subscribe("a");
    peer.send("{\"publish\":\"a\",\"data\":1}").receive();
    SocketPeer returned = connect(server);
    returned.send("{\"subscribe\":[\"a\"],\"after\":{\"a\":\"" + at + "\"}}");
    assertThat(returned.receive()).endsWith("\"replayed\":0,\"lost\":true}");
    returned.expectNothingElse();
  }

  @Test
  void newClientMayBeginWithTheOldestMessage() throws Exception {
    Server server = start();
    SocketPeer peer = connect(server);
    String begin = peer.subscribe("a");
    for (int i = 1; i <= 3; i++) {
      peer.send("{\"publish\":\"a\",\"data\":" + i + ",\"echo\":false,\"id\":" + i + "}").receive();
    }
    SocketPeer other = connect(server);
    other.send("{\"subscribe\":[\"a\"],\"after\":{\"a\":\"oldest\"}}");
    other.expect(
        "{\"subscribed\":\"a\",\"position\":\"" + begin + "\",\"replayed\":3,\"lost\":false}");
    for (int i = 1; i <= 3; i++) {
      assertThat(other.receive()).endsWith("\"data\":" + i + "}");
    }
  }

  @Test
  void oldestMessagesAreLeftOutIfReplayIsNotGranted() throws Exception {
    Server server = start(builder -> builder.gate(TopicGate.always(ALL.replay(false))));
    SocketPeer peer = connect(server);
    peer.subscribe("a");
    peer.send("{\"publish\":\"a\",\"data\":1}").receive();
    SocketPeer other = connect(server);
    other.send("{\"subscribe\":[\"a\"],\"after\":{\"a\":\"oldest\"}}");
    assertThat(other.receive()).endsWith("\"replayed\":0,\"lost\":false}");
    other.expectNothingElse();
  }

  @Test
  void eventsHaveNoPosition() throws Exception {
    Grant events = Grant.readWrite(TopicKind.events(MessageCodec.utf8())).replay(false);
    SocketPeer peer = connect(TopicGate.always(events));
    peer.send("{\"subscribe\":[\"a\"],\"after\":{\"a\":\"17-0\"}}");
    peer.expect("{\"subscribed\":\"a\",\"replayed\":0,\"lost\":false}");
    peer.send("{\"publish\":\"a\",\"data\":\"x\\n\"}");
    peer.expect("{\"topic\":\"a\",\"data\":\"x\\u000a\"}");
    peer.send("{\"publish\":\"a\",\"data\":\"y\",\"id\":0,\"echo\":false}");
    peer.expect("{\"published\":0}");
  }

  @Test
  void latestIsReplayed() throws Exception {
    TopicKind<byte[]> kind = TopicKind.latest(MessageCodec.bytes(), Duration.ofMinutes(1));
    Grant latest = Grant.readWrite(kind);
    Server server = start(builder -> builder.gate(TopicGate.always(latest.replay(false))));
    SocketPeer peer = connect(server);
    peer.send("{\"publish\":\"a\",\"data\":\"AAE=\",\"id\":1}").receive();
    SocketPeer other = connect(server);
    other.send("{\"subscribe\":[\"a\"]}");
    assertThat(other.receive())
        .contains("\"replayed\":1,\"lost\":false")
        .doesNotContain("position"); // which would be that of the message
    assertThat(other.receive()).endsWith("\"data\":\"AAE=\"}");
    assertThat(nodes.topic("a", kind).local().retained().messages())
        .as("messages for handlers that subscribe later")
        .isEqualTo(1);
  }

  @Test
  void unsubscribedClientGetsNothing() throws Exception {
    SocketPeer peer = connect(start());
    peer.subscribe("a");
    peer.send("{\"unsubscribe\":[\"a\",\"b\"]}");
    assertThat(List.of(peer.receive(), peer.receive())) // there is no order between topics
        .containsExactlyInAnyOrder("{\"unsubscribed\":\"a\"}", "{\"unsubscribed\":\"b\"}");
    Eventually.holds("no subscriber", () -> subscribers("a") == 0);
    peer.send("{\"publish\":\"a\",\"data\":1,\"id\":1}");
    assertThat(peer.receive()).startsWith("{\"published\":1,");
    peer.expectNothingElse();
  }

  @Test
  void subscribedClientMaySubscribeAnew() throws Exception {
    SocketPeer peer = connect(start());
    String at = peer.subscribe("a");
    peer.send("{\"publish\":\"a\",\"data\":1}").receive();
    peer.send("{\"subscribe\":[\"a\"],\"after\":{\"a\":\"" + at + "\"}}");
    assertThat(peer.receive()).contains("\"replayed\":1,\"lost\":false");
    assertThat(peer.receive()).endsWith("\"data\":1}");
    peer.expectNothingElse();
  }

  // Gate.

  @Test
  void deniedRequestIsAnswered() throws Exception {
    SocketPeer peer =
        connect(
            request ->
                CompletableFuture.completedStage(
                    request.publish() ? Grant.denied() : Grant.denied("members only")));
    peer.send("{\"subscribe\":[\"a\"]}");
    peer.expect("{\"denied\":\"a\",\"reason\":\"members only\"}");
    peer.send("{\"publish\":\"a\",\"data\":1}");
    peer.expect("{\"denied\":\"a\",\"reason\":\"not allowed\"}");
    peer.send("{\"publish\":\"a\",\"data\":1,\"id\":3}");
    peer.expect("{\"failed\":3,\"outcome\":\"denied\",\"reason\":\"not allowed\"}");
  }

  @Test
  void faultsOfTheGateAreLoggedOnceASecond() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev")) {
      long start = System.nanoTime();
      TopicGate faulty =
          request -> {
            throw new IllegalStateException("planned");
          };
      SocketPeer peer = connect(faulty);
      for (int i = 0; i < 100; i++) {
        assertThat(peer.send("{\"subscribe\":[\"a\"]}").receive()).startsWith("{\"denied\":");
      }
      long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
      assertThat(log.messages("gate failed")).hasSizeBetween(1, (int) seconds + 1);
    }
  }

  @Test
  void grantAllowsNoMoreThanItSays() throws Exception {
    SocketPeer peer =
        connect(
            request ->
                CompletableFuture.completedStage(
                    request.publish() ? Grant.read(LOG) : Grant.write(LOG)));
    peer.send("{\"subscribe\":[\"a\"]}");
    peer.expect("{\"denied\":\"a\",\"reason\":\"not allowed\"}");
    peer.send("{\"publish\":\"a\",\"data\":1}");
    peer.expect("{\"denied\":\"a\",\"reason\":\"not allowed\"}");
  }

  @Test
  void gateIsAskedOnceForEachPurpose() throws Exception {
    BlockingQueue<Request> asked = new LinkedBlockingQueue<>();
    SocketPeer peer =
        connect(
            request -> {
              asked.add(request);
              return CompletableFuture.completedStage(ALL);
            });
    peer.subscribe("a");
    peer.subscribe("a");
    peer.send("{\"publish\":\"a\",\"data\":1,\"echo\":false,\"id\":1}").receive();
    peer.send("{\"publish\":\"a\",\"data\":2,\"echo\":false,\"id\":2}").receive();
    assertThat(asked).hasSize(2);
    peer.send("{\"unsubscribe\":[\"a\"]}").receive();
    peer.subscribe("a");
    peer.send("{\"publish\":\"a\",\"data\":3,\"echo\":false,\"id\":3}").receive();
    assertThat(asked).extracting(Request::publish).containsExactly(false, true, false, true);
  }

  @Test
  void failureOfGateIsDeniedAndNotKept() throws Exception {
    BlockingQueue<TopicGate> gates = new LinkedBlockingQueue<>();
    gates.add(
        request -> {
          throw new IllegalStateException("planned");
        });
    gates.add(request -> CompletableFuture.failedStage(new IllegalStateException("planned")));
    gates.add(request -> CompletableFuture.completedStage(nothing()));
    gates.add(request -> nothing());
    gates.add(TopicGate.always(ALL));
    SocketPeer peer = connect(request -> gates.remove().ask(request));
    for (int i = 0; i < 4; i++) {
      peer.send("{\"publish\":\"a\",\"data\":1,\"id\":1}");
      peer.expect("{\"failed\":1,\"outcome\":\"denied\",\"reason\":\"the server has failed\"}");
    }
    peer.send("{\"publish\":\"a\",\"data\":1,\"id\":1}");
    assertThat(peer.receive()).startsWith("{\"published\":1,");
  }

  @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // as an application without it
  private static <T> T nothing() {
    return null;
  }

  @Test
  void gateThatDoesNotAnswerDeniesAndMayAnswerLate() throws Exception {
    ManualGate gate = new ManualGate();
    Server server = start(b -> b.gate(gate).gateTimeout(Duration.ofMillis(50)));
    SocketPeer peer = connect(server);
    peer.send("{\"subscribe\":[\"a\"]}");
    peer.expect("{\"denied\":\"a\",\"reason\":\"the server has not decided in time\"}");
    gate.answer("a", false, ALL);
    peer.expectNothingElse();
    assertThat(subscribers("a")).isZero();
  }

  @Test
  void commandsOfOneTopicKeepTheirOrder() throws Exception {
    ManualGate gate = new ManualGate();
    SocketPeer peer = connect(gate);
    peer.send("{\"subscribe\":[\"a\"]}");
    peer.send("{\"publish\":\"a\",\"data\":1}");
    peer.send("{\"presence\":\"a\"}");
    peer.send("{\"unsubscribe\":[\"a\"]}");
    peer.send("{\"publish\":\"a\",\"data\":2,\"id\":2}");
    peer.expectNothingElse();
    assertThat(gate.asked).hasSize(1);
    gate.answer("a", false, ALL);
    assertThat(peer.receive()).startsWith("{\"subscribed\":\"a\"");
    gate.awaitAsked();
    assertThat(gate.awaitAsked().publish()).isTrue();
    peer.expectNothingElse();
    gate.answer("a", true, ALL);
    List<String> received = new ArrayList<>(List.of(peer.receive(), peer.receive()));
    assertThat(received).contains("{\"denied\":\"a\",\"reason\":\"the topic has no members\"}");
    if (received.stream().noneMatch(text -> text.endsWith("\"data\":1}"))) {
      received.add(peer.receive()); // it comes before the leave, on another way
    }
    assertThat(received).anyMatch(text -> text.endsWith("\"data\":1}"));
    if (!received.contains("{\"unsubscribed\":\"a\"}")) {
      peer.expect("{\"unsubscribed\":\"a\"}");
    }
    gate.awaitAsked();
    gate.answer("a", true, ALL);
    assertThat(peer.receive()).startsWith("{\"published\":2,");
    peer.expectNothingElse();
  }

  @Test
  void otherTopicsDoNotWait() throws Exception {
    ManualGate gate = new ManualGate();
    SocketPeer peer = connect(gate);
    peer.send("{\"subscribe\":[\"a\",\"b\"]}");
    gate.awaitAsked();
    gate.awaitAsked();
    gate.answer("b", false, ALL);
    assertThat(peer.receive()).startsWith("{\"subscribed\":\"b\"");
  }

  @Test
  void connectionThatClosesMeanwhileLeavesNothingBehind() throws Exception {
    ManualGate gate = new ManualGate();
    Server server = start(builder -> builder.gate(gate));
    SocketPeer peer = connect(server);
    peer.send("{\"subscribe\":[\"a\"]}").send("{\"publish\":\"a\",\"data\":1}");
    gate.awaitAsked();
    peer.close();
    Eventually.holds("closed", () -> server.connectionCount() == 0);
    gate.answer("a", false, ALL);
    assertThat(nodes.counts().topics()).isZero();
    assertThat(gate.asked).isEmpty();
  }

  @Test
  void topicOfAnotherKindIsDenied() throws Exception {
    NodeTopic<String> other =
        nodes.topic("a", TopicKind.log(MessageCodec.json(), 1, Duration.ofMinutes(1)));
    SocketPeer peer = connect(start());
    peer.send("{\"subscribe\":[\"a\"]}");
    peer.expect("{\"denied\":\"a\",\"reason\":\"not allowed\"}");
    assertThat(other.name()).isEqualTo("a");
  }

  // Limits.

  @Test
  void tooManyTopicsAreAnError() throws Exception {
    SocketPeer peer = connect(start(builder -> builder.maxTopics(2)));
    peer.subscribe("a");
    peer.subscribe("b");
    peer.subscribe("b");
    peer.send("{\"unsubscribe\":[\"a\"]}").receive();
    peer.subscribe("c");
    peer.send("{\"subscribe\":[\"d\"]}");
    peer.expect("{\"error\":\"topics: 3 (expected: 1..2)\"}");
    assertThat(peer.closeCode()).isEqualTo(1008);
  }

  @Test
  void clientThatSubscribesTooFastIsReadLater() throws Exception {
    String topics =
        IntStream.range(0, 100).mapToObj(i -> "\"t" + i + "\"").collect(Collectors.joining(","));
    SocketPeer peer = connect(start());
    long start = System.nanoTime();
    for (int i = 0; i < 3; i++) { // 300, of which 200 may come at once
      peer.send("{\"subscribe\":[" + topics + "]}");
      for (int j = 0; j < 100; j++) {
        assertThat(peer.receive()).startsWith("{\"subscribed\":");
      }
    }
    peer.expectNothingElse();
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(900));
  }

  @Test
  void deniedTopicsDoNotCount() throws Exception {
    TopicGate gate =
        request ->
            CompletableFuture.completedStage(
                request.topic().startsWith("x") ? Grant.denied("") : ALL);
    SocketPeer peer = connect(start(builder -> builder.maxTopics(1).gate(gate)));
    for (int i = 0; i < 5; i++) {
      peer.send("{\"subscribe\":[\"x" + i + "\"]}");
      peer.expect("{\"denied\":\"x" + i + "\",\"reason\":\"\"}");
    }
    peer.subscribe("a");
  }

  @Test
  void topicsOnlyPublishedToAreForgotten() throws Exception {
    BlockingQueue<String> asked = new LinkedBlockingQueue<>();
    TopicGate gate =
        request -> {
          asked.add(request.topic());
          return CompletableFuture.completedStage(ALL);
        };
    SocketPeer peer = connect(start(builder -> builder.maxTopics(2).gate(gate)));
    for (String topic : List.of("a", "b", "c", "d", "d", "e", "a")) {
      peer.send("{\"publish\":\"" + topic + "\",\"data\":1,\"id\":1}").receive();
    }
    assertThat(asked).containsExactly("a", "b", "c", "d", "e", "a");
  }

  @Test
  void publicationsAboveTheRateFail() throws Exception {
    int publications = 50;
    SocketPeer peer = connect(start(builder -> builder.publishRate(1, 2)));
    long begin = System.nanoTime();
    for (int i = 0; i < publications; i++) {
      peer.send("{\"publish\":\"a\",\"data\":1,\"id\":" + i + "}");
    }
    List<String> answers = new ArrayList<>();
    for (int i = 0; i < publications; i++) {
      answers.add(peer.receive());
    }
    int seconds = (int) TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin);
    assertThat(answers)
        .filteredOn(text -> text.startsWith("{\"failed\""))
        .allMatch(
            text ->
                text.endsWith(
                    ",\"outcome\":\"refused\","
                        + "\"reason\":\"rate exceeded (expected: 1 per second)\"}"))
        .hasSizeBetween(publications - 2 - seconds - 1, publications - 2);
    peer.send("{\"publish\":\"a\",\"data\":1}");
    peer.expectNothingElse();
  }

  @Test
  void readingPausesWhileManyCommandsAreUnderWay() throws Exception {
    ManualGate gate = new ManualGate();
    SocketPeer peer = connect(start(builder -> builder.gate(gate).maxPendingCommands(8)));
    for (int i = 0; i < 20; i++) {
      peer.send("{\"publish\":\"t" + i + "\",\"data\":1,\"id\":" + i + "}");
    }
    for (int i = 0; i < 8; i++) {
      gate.awaitAsked();
    }
    peer.send("{\"unsubscribe\":[\"x\"]}");
    assertThat(gate.asked.poll(100, TimeUnit.MILLISECONDS)).isNull();
    for (int i = 0; i < 20; i++) {
      if (i >= 8) {
        gate.awaitAsked();
      }
      String topic = "t" + i;
      Eventually.holds("asked", () -> gate.answers.containsKey("publish " + topic));
      gate.answer(topic, true, ALL);
    }
    List<String> answers = new ArrayList<>();
    for (int i = 0; i < 21; i++) {
      answers.add(peer.receive());
    }
    assertThat(answers).contains("{\"unsubscribed\":\"x\"}");
    assertThat(answers).filteredOn(text -> text.startsWith("{\"published\":")).hasSize(20);
  }

  @Test
  void readingPausesWhileLongMessagesAreUnderWay() throws Exception {
    ManualGate gate = new ManualGate();
    SocketPeer peer = connect(start(builder -> builder.gate(gate)));
    String data = "\"" + "x".repeat(60_000) + "\"";
    for (int i = 0; i < 5; i++) { // 300,000 bytes
      peer.send("{\"publish\":\"a\",\"data\":" + data + ",\"id\":" + i + "}");
    }
    gate.awaitAsked();
    peer.send("{\"publish\":\"b\",\"data\":1}");
    assertThat(gate.asked.poll(100, TimeUnit.MILLISECONDS)).isNull();
    gate.answer("a", true, ALL);
    assertThat(gate.awaitAsked().topic()).isEqualTo("b");
    List<String> answers = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      answers.add(peer.receive().substring(0, "{\"published\":0".length()));
    }
    assertThat(answers).doesNotHaveDuplicates().allMatch(text -> text.startsWith("{\"published"));
  }

  @Test
  void manyCommandsBehindOneAreDoneWithoutRecursion() throws Exception {
    ManualGate gate = new ManualGate();
    Duration timeout = Duration.ofMinutes(1);
    SocketPeer peer =
        connect(start(b -> b.gate(gate).gateTimeout(timeout).maxPendingCommands(100_000)));
    peer.send("{\"subscribe\":[\"a\"]}");
    int many = 5_000;
    for (int i = 0; i < many; i++) {
      peer.send("{\"presence\":\"a\"}");
    }
    peer.expectNothingElse();
    gate.answer("a", false, Grant.denied());
    for (int i = 0; i <= many; i++) {
      assertThat(peer.receive()).startsWith("{\"denied\":\"a\"");
    }
  }

  // Faults.

  @Test
  void malformedCommandClosesTheConnection() throws Exception {
    SocketPeer peer = connect(start());
    peer.send("{\"subscribe\":\"a\"}").send("{\"subscribe\":[\"a\"]}");
    peer.expect("{\"error\":\"subscribe: not an array (expected: topics)\"}");
    assertThat(peer.closeCode()).isEqualTo(1008);
    assertThat(nodes.counts().topics()).isZero();
  }

  @Test
  void binaryMessageClosesTheConnection() throws Exception {
    SocketPeer peer = connect(start());
    peer.sendBinary();
    peer.expect("{\"error\":\"message: not a text (expected: a text)\"}");
    assertThat(peer.closeCode()).isEqualTo(1008);
  }

  @Test
  void longTextClosesTheConnection() throws Exception {
    SocketPeer peer = connect(start(builder -> builder.maxTextBytes(1024)));
    peer.send("{\"x\":\"" + "x".repeat(1024) + "\"}");
    assertThat(peer.closeCode()).isEqualTo(1009);
    TopicSocket socket =
        TopicSocket.builder(nodes).gate(TopicGate.always(ALL)).maxTextBytes(1024).build();
    Server tolerant = start(socket.server(protocol -> protocol.maxMessageBytes(4096)));
    SocketPeer other = connect(tolerant);
    other.send("{\"x\":\"" + "x".repeat(1024) + "\"}");
    other.expect("{\"error\":\"message length: 1032 (expected: 0..1024)\"}");
    assertThat(other.closeCode()).isEqualTo(1008);
  }

  @Test
  void dataThatDoesNotFitIsDenied() throws Exception {
    SocketPeer peer =
        connect(TopicGate.always(Grant.readWrite(TopicKind.events(MessageCodec.utf8()))));
    peer.send("{\"publish\":\"a\",\"data\":1,\"id\":1}");
    peer.expect(
        "{\"failed\":1,\"outcome\":\"denied\","
            + "\"reason\":\"data: not a string (expected: a string)\"}");
    peer.send("{\"publish\":\"a\",\"data\":\"\\ud800\"}");
    peer.expect("{\"denied\":\"a\",\"reason\":\"data: lone surrogate (expected: Unicode)\"}");
  }

  @Test
  void nodeThatHasNotStartedFailsSubscriptionsAndPublications() throws Exception {
    TopicSocket socket = TopicSocket.builder(nodes).gate(TopicGate.always(ALL)).build();
    Server server = start(Server.builder(socket.protocol().build(), socket).plugin(socket));
    SocketPeer peer = connect(server);
    peer.send("{\"subscribe\":[\"a\"]}");
    assertThat(peer.receive()).matches("\\{\"unsubscribed\":\"a\",\"retry\":[12]\\d{3}}");
    peer.send("{\"publish\":\"a\",\"data\":1,\"id\":1}");
    peer.expect(
        "{\"failed\":1,\"outcome\":\"refused\",\"reason\":\"not stored: try again later\"}");
  }

  // Members.

  @Test
  void connectionHasMemberOfItsHandshake() throws Exception {
    BlockingQueue<String> members = new LinkedBlockingQueue<>();
    Function<WebSocketHandshake, Presence.@Nullable Member> member =
        handshake -> new Presence.Member(handshake.request().path(), "info");
    Server server =
        start(
            builder ->
                builder
                    .member(member)
                    .gate(
                        request -> {
                          members.add(
                              String.valueOf(
                                  request.connection().attribute(Presence.Member.class)));
                          return CompletableFuture.completedStage(ALL);
                        }));
    connect(server).subscribe("a");
    assertThat(members).containsExactly("Member[id=/, info=info]");
  }

  @Test
  void membersOfTopicThatIsNotSubscribedAreDenied() throws Exception {
    SocketPeer peer = connect(start());
    peer.send("{\"presence\":\"a\"}");
    peer.expect("{\"denied\":\"a\",\"reason\":\"not subscribed\"}");
    peer.subscribe("a");
    peer.send("{\"presence\":\"a\"}");
    peer.expect("{\"denied\":\"a\",\"reason\":\"the topic has no members\"}");
  }

  @Test
  void membersAndTheirChangesAreSent() throws Exception {
    BlockingQueue<String> names = new LinkedBlockingQueue<>(List.of("u1", "u2"));
    TopicKind<String> kind = LOG.presence().leaveAfter(Duration.ZERO);
    Server server =
        start(
            builder ->
                builder
                    .member(handshake -> new Presence.Member(names.remove(), "i"))
                    .gate(TopicGate.always(Grant.readWrite(kind))));
    SocketPeer peer = connect(server);
    peer.subscribe("a");
    peer.send("{\"presence\":\"a\"}");
    assertThat(peer.receive())
        .matches(
            "\\{\"presence\":\"a\",\"version\":\\d+,"
                + "\"members\":\\[\\{\"id\":\"u1\",\"info\":\"i\"}],\"more\":0}");
    SocketPeer other = connect(server);
    other.subscribe("a");
    assertThat(peer.receive()).endsWith("\"joined\":{\"id\":\"u2\",\"info\":\"i\"}}");
    other.close();
    assertThat(peer.receive()).endsWith("\"left\":{\"id\":\"u2\",\"info\":\"i\"}}");
  }

  @Test
  void requestsForMembersWaitForTheNode() throws Exception {
    TopicKind<String> kind = LOG.presence();
    SocketPeer peer = connect(TopicGate.always(Grant.read(kind)));
    peer.subscribe("a");
    CountDownLatch go = new CountDownLatch(1);
    nodes.thread("a").execute(() -> awaitUninterruptibly(go)); // the node is busy
    try {
      for (int i = 0; i < 1_000; i++) {
        peer.send("{\"presence\":\"a\"}");
      }
      peer.send("{\"unsubscribe\":[\"z\"]}"); // is not read until then
      assertThat(peer.poll(Duration.ofMillis(500))).isNull();
      assertThat(nodes.thread("a").executor.getQueue()).hasSizeLessThan(10);
    } finally {
      go.countDown();
    }
    while (!peer.receive().equals("{\"unsubscribed\":\"z\"}")) {
      // Rosters, of which each replaces the one before.
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void connectionThatClosesLeavesNoMember() throws Exception {
    ManualGate gate = new ManualGate();
    TopicKind<String> kind = LOG.presence().leaveAfter(Duration.ZERO);
    Server server = start(b -> b.gate(gate).member(handshake -> new Presence.Member("u1", "")));
    for (int i = 0; i < 20; i++) { // the close and the answer race
      SocketPeer peer = connect(server);
      peer.send("{\"subscribe\":[\"a\"]}");
      gate.awaitAsked();
      peer.close();
      gate.answer("a", false, Grant.read(kind));
    }
    Eventually.holds("closed", () -> server.connectionCount() == 0);
    Presence presence = nodes.topic("a", kind).presence();
    Eventually.holds(
        "no member",
        () -> presence.counts().toCompletableFuture().get(10, TimeUnit.SECONDS).connections() == 0);
  }

  // Script.

  @Test
  void scriptIsServed() throws Exception {
    Server server = start();
    for (String file : List.of("topics.js", "topics.d.ts")) {
      URI uri = URI.create("http://127.0.0.1:" + server.port() + "/jev/" + file);
      HttpResponse<String> response =
          HttpClient.newHttpClient()
              .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
      assertThat(response.statusCode()).as(file).isEqualTo(200);
      assertThat(response.body()).contains("Topics");
    }
  }

  // Stopping.

  @Test
  void clientsAreToldToReconnectWhenTheServerStops() throws Exception {
    Server server = start();
    SocketPeer peer = connect(server);
    server.stop(Duration.ofSeconds(5));
    assertThat(peer.receive()).matches("\\{\"reconnect\":\\{\"after\":\\d{1,4}}}");
    assertThat(peer.closeCode()).isEqualTo(1012);
  }

  @Test
  void clientsAreToldToReconnectWhenTheServerDrains() throws Exception {
    Drain drain =
        Drain.builder()
            .withoutShutdownHook()
            .acceptTime(Duration.ZERO)
            .spread(Duration.ofMillis(10))
            .build();
    TopicSocket socket = TopicSocket.builder(nodes).gate(TopicGate.always(ALL)).build();
    SocketPeer peer = connect(start(socket.server().plugin(drain)));
    peer.subscribe("a");
    drain.begin().toCompletableFuture().get(20, TimeUnit.SECONDS);
    assertThat(peer.receive()).matches("\\{\"reconnect\":\\{\"after\":\\d{1,4}}}");
    assertThat(peer.closeCode()).isEqualTo(1012);
  }

  // Configuration.

  @Test
  void gateIsRequired() {
    assertThatIllegalStateException()
        .isThrownBy(() -> TopicSocket.builder(nodes).build())
        .withMessage("no gate; call gate first");
  }

  @Test
  void limitsAreChecked() {
    TopicSocket.Builder builder = TopicSocket.builder(nodes);
    check(() -> builder.maxTopics(0), "maxTopics: 0 (expected: 1..100000)");
    check(() -> builder.maxPendingCommands(0), "maxPendingCommands: 0 (expected: 1..100000)");
    check(() -> builder.maxTextBytes(1023), "maxTextBytes: 1023 (expected: 1024..1073741824)");
    check(() -> builder.publishRate(0, 1), "perSecond: 0 (expected: 1..1000000)");
    check(() -> builder.publishRate(1, 0), "burst: 0 (expected: 1..1000000)");
    check(
        () -> builder.gateTimeout(Duration.ofMillis(9)),
        "gateTimeout: PT0.009S (expected: PT0.01S..PT8760H)");
    for (String wrong : List.of("PT0.999S", "PT1H0.001S", "PT1.5S", "PT-1S")) {
      check(
          () -> builder.heartbeat(Duration.parse(wrong)),
          "heartbeat: " + Duration.parse(wrong) + " (expected: PT1S..PT1H, whole seconds)");
    }
  }

  private static void check(Runnable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call::run).withMessage(message);
  }
}
