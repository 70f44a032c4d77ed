package dev.jev;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Handlers with the state of one connection in their fields. */
class PerConnectionHandlerTest {

  private final BlockingQueue<String> ends = new LinkedBlockingQueue<>();
  private final LogCapture log = new LogCapture("dev.jev");
  private @Nullable Server server;

  /** A login, then a count of orders: a state machine without attachments. */
  private final class Session implements Handler<String, String> {

    private @Nullable String user; // null before the login
    private int orders;

    @Override
    public void onConnect(Connection<String> connection) {
      connection.send("who?");
    }

    @Override
    public void onMessage(Connection<String> connection, String message) {
      if (user == null) {
        user = message;
        connection.send("hello " + user);
      } else {
        connection.send(user + " " + ++orders);
      }
    }

    @Override
    public void onClose(Connection<String> connection, CloseReason reason) {
      ends.add(user + " " + orders + " " + reason.kind());
    }
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    log.close();
  }

  private Server start(Handler<String, String> handler) {
    server = Server.builder(Texts::new, handler).listen("tcp://127.0.0.1:0").start();
    return server;
  }

  private static void login(RawPeer peer, String user) throws Exception {
    assertThat(peer.receive()).isEqualTo("who?");
    assertThat(peer.send(user).receive()).isEqualTo("hello " + user);
  }

  private void expectSessions(Handler<String, String> handler) throws Exception {
    start(handler);
    try (RawPeer ann = RawPeer.connect(server)) {
      login(ann, "ann");
      try (RawPeer bob = RawPeer.connect(server)) {
        login(bob, "bob");
        assertThat(bob.send("order").receive()).isEqualTo("bob 1");
      }
      assertThat(ends.poll(10, TimeUnit.SECONDS)).isEqualTo("bob 1 PEER_CLOSED");
      assertThat(ann.send("order").receive()).isEqualTo("ann 1");
      assertThat(ann.send("order").receive()).isEqualTo("ann 2");
    }
    assertThat(ends.poll(10, TimeUnit.SECONDS)).isEqualTo("ann 2 PEER_CLOSED");
    assertThat(ends).isEmpty();
  }

  @Test
  void eachConnectionHasAHandlerOfItsOwn() throws Exception {
    expectSessions(Handler.perConnection(connection -> new Session()));
  }

  @Test
  void handlersPerConnectionMayBeOffloaded() throws Exception {
    expectSessions(
        Handler.<String, String>perConnection(c -> new Session()).offload(Runnable::run));
    server.close();
    expectSessions(Handler.perConnection(c -> new Session().offload(Runnable::run)));
  }

  @Test
  void handlersPerConnectionMayBeNested() throws Exception {
    expectSessions(Handler.perConnection(outer -> Handler.perConnection(c -> new Session())));
  }

  @Test
  void handlerIsCreatedForItsConnectionAndWithoutAttaching() throws Exception {
    start(
        Handler.perConnection(
            created ->
                (connection, message) ->
                    connection.send((created == connection) + " " + attached(connection))));
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("?").receive()).isEqualTo("true null");
    }
  }

  private static @Nullable Object attached(Connection<?> connection) {
    return connection.attachment(Object.class);
  }

  @Test
  void connectionWithoutAHandlerCloses() throws Exception {
    start(Handler.perConnection(connection -> null));
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.expectEnd();
    }
    assertThat(log.await("HANDLER_ERROR").getThrown())
        .isInstanceOf(NullPointerException.class)
        .hasMessage("handler");
    assertThat(log.messages("onClose")).isEmpty();
  }

  @Test
  void datagramHasAHandlerOfItsOwn() throws Exception {
    AtomicInteger created = new AtomicInteger();
    Handler<String, String> handler =
        Handler.perConnection(
            connection -> {
              int number = created.incrementAndGet();
              return (c, message) -> c.send(message + number);
            });
    server = Server.builder(Texts::new, handler).listen("udp://127.0.0.1:0").start();
    try (DatagramSocket peer = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      peer.setSoTimeout(10_000);
      assertThat(ask(peer, "a")).isEqualTo("a1");
      assertThat(ask(peer, "b")).isEqualTo("b2");
    }
  }

  private String ask(DatagramSocket peer, String text) throws Exception {
    byte[] frame = RawPeer.frames(text);
    peer.send(
        new DatagramPacket(frame, frame.length, InetAddress.getLoopbackAddress(), server.port()));
    DatagramPacket answer = new DatagramPacket(new byte[100], 100);
    peer.receive(answer);
    return new String(answer.getData(), 4, answer.getLength() - 4, UTF_8);
  }

  @Test
  void functionIsRequired() {
    assertThatNullPointerException()
        .isThrownBy(() -> Handler.perConnection(null))
        .withMessage("handlers");
  }
}
