package dev.jev.samples;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.AsyncReplies;
import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Requests;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs the code of docs/requests.md: each of its Java blocks is a region of this class. */
@Timeout(60)
class RequestsGuideTest {

  // region ask
  record Note(int id, String text) {}

  static final Requests<Note, Note> NOTES =
      Requests.<Note, Note, Integer>byId(Note::id, Note::id).timeout(Duration.ofSeconds(2)).build();

  static Client<Note> connect(String uri) {
    return Client.builder(RequestsGuideTest::notes, NOTES.handler()).reconnect().connect(uri);
  }

  static CompletionStage<String> greeting(Client<Note> client) {
    return NOTES.ask(client, new Note(7, "hello")).thenApply(Note::text);
  }

  // endregion

  static Protocol<Note, Note> notes() {
    return Protocols.lines()
        .map(
            line -> new Note(Integer.parseInt(line.split(" ", 2)[0]), line.split(" ", 2)[1]),
            note -> note.id() + " " + note.text());
  }

  // region inOrder
  static Requests<RespCommand, RespValue> redis(Handler<RespValue, RespCommand> pushes) {
    return Requests.<RespCommand, RespValue>inOrder(value -> !(value instanceof RespValue.Push))
        .onUnasked(pushes)
        .maxOpen(10_000)
        .build();
  }

  // endregion

  // region wait
  static String greetingOf(Client<Note> client, int id) throws InterruptedException {
    return NOTES.askAndWait(client, new Note(id, "hello")).text();
  }

  // endregion

  // region pool
  static List<Client<Note>> pool(String first, String second) {
    Client.Builder<Note, Note> builder =
        Client.builder(RequestsGuideTest::notes, NOTES.handler()).reconnect();
    return List.of(builder.connect(first, second), builder.connect(second, first));
  }

  static CompletionStage<Note> askOneOf(List<Client<Note>> pool, Note question) {
    return NOTES.ask(pool, question);
  }

  // endregion

  // region server
  /** Asks each client for its name. */
  static final class Reception implements Handler<Note, Note> {

    final List<String> names = new CopyOnWriteArrayList<>();
    final Requests<Note, Note> requests =
        Requests.<Note, Note, Integer>byId(Note::id, Note::id).onUnasked(this).build();

    @Override
    public void onConnect(Connection<Note> connection) {
      requests.ask(connection, new Note(1, "name?")).thenAccept(note -> names.add(note.text()));
    }

    @Override
    public void onMessage(Connection<Note> connection, Note unasked) {
      connection.send(unasked);
    }
  }

  static Server receive(Reception reception, String uri) {
    return Server.builder(RequestsGuideTest::notes, reception.requests.handler())
        .listen(uri)
        .start();
  }

  // endregion

  // region later
  static Server translate(Function<String, CompletionStage<String>> dictionary, String uri) {
    AsyncReplies<Note, Note> translator =
        Handler.replyingAsync(
            note -> dictionary.apply(note.text()).thenApply(answer -> new Note(note.id(), answer)));
    return Server.builder(
            RequestsGuideTest::notes,
            translator
                .unordered()
                .maxOpen(1_000)
                .onFailure((note, failure) -> new Note(note.id(), "not found")))
        .listen(uri)
        .start();
  }

  // endregion

  private static String uri(Server server) {
    return "tcp://127.0.0.1:" + server.port();
  }

  private static <T> T get(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(10, SECONDS);
  }

  @Test
  void clientAsksAServerThatAnswersLater() throws Exception {
    CompletableFuture<String> slow = new CompletableFuture<>();
    Function<String, CompletionStage<String>> dictionary =
        word ->
            word.equals("hello")
                ? slow
                : CompletableFuture.failedFuture(new IllegalArgumentException(word));
    try (Server server = translate(dictionary, "tcp://127.0.0.1:0");
        Client<Note> client = connect(uri(server))) {
      get(client.connected());
      CompletionStage<String> greeting = greeting(client);
      assertThat(get(NOTES.ask(client, new Note(8, "nosuch"))).text()).isEqualTo("not found");
      slow.complete("bonjour");
      assertThat(get(greeting)).isEqualTo("bonjour");
      assertThat(greetingOf(client, 9)).isEqualTo("bonjour");
    }
  }

  @Test
  @SuppressWarnings("try") // the first server ends within
  void poolMovesOnWhenAServerIsLost() throws Exception {
    Handler<Note, Note> echo = Handler.replying(note -> note);
    try (Server first =
            Server.builder(RequestsGuideTest::notes, echo).listen("tcp://127.0.0.1:0").start();
        Server second =
            Server.builder(RequestsGuideTest::notes, echo).listen("tcp://127.0.0.1:0").start()) {
      List<Client<Note>> pool = pool(uri(first), uri(second));
      try (Client<Note> one = pool.get(0);
          Client<Note> other = pool.get(1)) {
        get(one.connected());
        get(other.connected());
        Note note = new Note(1, "hello");
        assertThat(get(askOneOf(pool, note))).isEqualTo(note);
        first.close();
        Eventually.holds("moved", () -> second.connectionCount() == 2);
        assertThat(get(askOneOf(pool, note))).isEqualTo(note);
      }
    }
  }

  @Test
  void serverAsksItsClients() throws Exception {
    Reception reception = new Reception();
    Handler<Note, Note> ann = Handler.replying(note -> new Note(note.id(), "Ann"));
    try (Server server = receive(reception, "tcp://127.0.0.1:0");
        Client<Note> client = Client.builder(RequestsGuideTest::notes, ann).connect(uri(server))) {
      get(client.connected());
      Eventually.holds("answered", () -> reception.names.equals(List.of("Ann")));
    }
  }

  @Test
  void pushesPassByTheAnswersOfRedis() throws Exception {
    RespValue push = new RespValue.Push(List.of(RespValue.bulk("news")));
    Handler<RespCommand, RespValue> server =
        (connection, command) -> {
          connection.send(push);
          connection.send(RespValue.PONG);
        };
    List<RespValue> pushes = new CopyOnWriteArrayList<>();
    Requests<RespCommand, RespValue> redis = redis((connection, value) -> pushes.add(value));
    try (Server started =
            Server.builder(Protocols::resp, server).listen("tcp://127.0.0.1:0").start();
        Client<RespCommand> client =
            Client.builder(Protocols::respClient, redis.handler()).connect(uri(started))) {
      get(client.connected());
      assertThat(get(redis.ask(client, RespCommand.of("PING")))).isEqualTo(RespValue.PONG);
      assertThat(pushes).containsExactly(push);
    }
  }

  @Test
  void documentShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("docs/requests.md", RequestsGuideTest.class);
  }
}
