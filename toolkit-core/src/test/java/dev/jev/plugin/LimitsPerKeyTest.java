package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.plugin.Limits.ConnectionLimitAction;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Limits of connections per key: per user, whom the first text of a connection names. */
class LimitsPerKeyTest {

  private final BlockingQueue<CloseReason> closes = new LinkedBlockingQueue<>();
  private final LogCapture log = new LogCapture("dev.jev");
  private final List<RawPeer> peers = new ArrayList<>();
  private @Nullable Server server;

  private record User(String name) {}

  private static @Nullable User user(Connection<?> connection) {
    return connection.attribute(User.class);
  }

  /** Texts, of which the first one is the name of the user, or empty for a guest. */
  private static final class Named implements Protocol<String, String> {

    private final Texts texts = new Texts();

    @Override
    public void open(ProtocolContext context) {} // not ready yet

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      String text = texts.unpack(context, in);
      if (text == null || context.isReady()) {
        return text;
      }
      if (!text.isEmpty()) {
        context.attribute(User.class, new User(text));
      }
      context.ready();
      return null;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  /** Echoes. */
  private final class Echo implements Handler<String, String> {

    @Override
    public void onMessage(Connection<String> connection, String message) {
      connection.send(message);
    }

    @Override
    public void onClose(Connection<String> connection, CloseReason reason) {
      if (reason.kind() != CloseReason.Kind.PEER_CLOSED) {
        closes.add(reason);
      }
    }
  }

  private void start(Limits limits) {
    server =
        Server.builder(Named::new, new Echo())
            .plugin(limits)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(2)
            .start();
  }

  private RawPeer connect(String user) throws Exception {
    RawPeer peer = RawPeer.connect(server);
    peers.add(peer);
    return peer.send(user);
  }

  private RawPeer expectEcho(RawPeer peer) throws Exception {
    assertThat(peer.send("hi").receive()).isEqualTo("hi");
    return peer;
  }

  private void expectClose(String reason) throws Exception {
    assertThat(closes.poll(10, TimeUnit.SECONDS)).hasToString(reason);
  }

  @AfterEach
  void stop() throws Exception {
    for (RawPeer peer : peers) {
      peer.close();
    }
    if (server != null) {
      server.close();
    }
    log.close();
  }

  @Test
  void connectionBeyondTheLimitOfItsUserIsRefused() throws Exception {
    Limits limits = Limits.builder().connectionsPer(LimitsPerKeyTest::user, 2).build();
    start(limits);
    RawPeer first = expectEcho(connect("ann"));
    expectEcho(connect("ann"));
    expectEcho(connect("bob"));
    connect("ann").expectEnd();
    expectClose("LIMIT: refused: limit of 2 connections reached");
    assertThat(limits.refused()).isEqualTo(1);
    assertThat(limits.closed()).isZero();
    assertThat(log.await("refused: limit of 2 connections reached").getMessage())
        .startsWith("connection to /127.0.0.1:");
    first.close();
    Eventually.holds("one left", () -> server.connectionCount() == 2);
    expectEcho(connect("ann"));
    assertThat(closes).isEmpty();
  }

  @Test
  void oldestConnectionOfTheUserClosesForANewOne() throws Exception {
    Limits limits =
        Limits.builder()
            .connectionsPer(LimitsPerKeyTest::user, 2, ConnectionLimitAction.CLOSE_OLDEST)
            .build();
    start(limits);
    RawPeer first = expectEcho(connect("ann"));
    RawPeer second = expectEcho(connect("ann"));
    RawPeer bob = expectEcho(connect("bob"));
    expectEcho(connect("ann"));
    first.expectEnd();
    expectClose("LIMIT: closed for a newer one: limit of 2 connections reached");
    expectEcho(second);
    expectEcho(connect("ann"));
    second.expectEnd();
    expectClose("LIMIT: closed for a newer one: limit of 2 connections reached");
    expectEcho(bob);
    assertThat(limits.closed()).isEqualTo(2);
    assertThat(limits.refused()).isZero();
  }

  @Test
  void connectionWithoutAKeyIsNotCounted() throws Exception {
    start(Limits.builder().connectionsPer(LimitsPerKeyTest::user, 1).build());
    for (int i = 0; i < 5; i++) {
      expectEcho(connect(""));
    }
  }

  @Test
  void severalKeysAreSeveralLimits() throws Exception {
    start(
        Limits.builder()
            .connectionsPer(LimitsPerKeyTest::user, 1)
            .connectionsPer(c -> "all", 2, ConnectionLimitAction.CLOSE_OLDEST)
            .build());
    RawPeer ann = expectEcho(connect("ann"));
    expectEcho(connect("bob"));
    connect("bob").expectEnd();
    expectClose("LIMIT: refused: limit of 1 connections reached");
    expectEcho(ann);
    expectEcho(connect("eve"));
    ann.expectEnd();
    expectClose("LIMIT: closed for a newer one: limit of 2 connections reached");
    Eventually.holds("ann left", () -> server.connectionCount() == 2);
    expectEcho(connect("ann")); // her place is free again
  }

  @Test
  void limitPerKeyCanBeChanged() throws Exception {
    Function<Connection<?>, User> key = LimitsPerKeyTest::user;
    Limits limits = Limits.builder().connectionsPer(key, 1).build();
    start(limits);
    expectEcho(connect("ann"));
    limits.update(change -> change.connectionsPer(key, 2));
    expectEcho(connect("ann"));
    connect("ann").expectEnd();
    expectClose("LIMIT: refused: limit of 2 connections reached");
  }

  @Test
  void keysWithoutConnectionsAreForgotten() throws Exception {
    Limits limits = Limits.builder().connectionsPer(LimitsPerKeyTest::user, 2).build();
    start(limits);
    for (int i = 0; i < 20; i++) {
      expectEcho(connect("user " + i)).close();
    }
    Eventually.holds("no key is left", () -> limits.keyed().get(0).keyCount() == 0);
  }

  @Test
  void valuesAreChecked() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Limits.builder().connectionsPer(LimitsPerKeyTest::user, 0))
        .withMessage("max: 0 (expected: 1..2147483647)");
    assertThatNullPointerException()
        .isThrownBy(() -> Limits.builder().connectionsPer(null, 1))
        .withMessage("key");
    assertThatNullPointerException()
        .isThrownBy(() -> Limits.builder().connectionsPer(LimitsPerKeyTest::user, 1, null))
        .withMessage("action");
  }
}
