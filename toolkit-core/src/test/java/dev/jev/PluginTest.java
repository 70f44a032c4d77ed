package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Plugins: the events they observe, and what they can do with a connection. */
class PluginTest {

  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private Server start(Handler<String, String> handler, Plugin... plugins) {
    return start(Transport.AUTO, handler, plugins);
  }

  private Server start(Transport transport, Handler<String, String> handler, Plugin... plugins) {
    Server.Builder<String, String> builder =
        Server.builder(Texts::new, handler)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .eventLoops(1)
            .lingeringCloseTimeout(Duration.ofMillis(200));
    for (Plugin plugin : plugins) {
      builder.plugin(plugin);
    }
    server = builder.start();
    return server;
  }

  private void expect(String... expected) throws InterruptedException {
    List<String> seen = new ArrayList<>();
    for (String event : expected) {
      seen.add(events.poll(10, TimeUnit.SECONDS));
      assertThat(seen).last().as("%s", seen).isEqualTo(event);
    }
  }

  /** Notes the calls of an observer. */
  private class Notes implements Plugin, Plugin.UnpackObserver {
    @Override
    public void start(PluginHost server) {
      events.add("start " + server.addresses().size());
    }

    @Override
    public void stop(PluginHost server) {
      events.add("stop " + server.connectionCount());
    }

    @Override
    public Observer install(Link link) {
      events.add("install");
      return this;
    }

    @Override
    public void connected() {
      events.add("connected");
    }

    @Override
    public void received(int bytes) {
      events.add("received " + bytes);
    }

    @Override
    public void unpacking() {
      events.add("unpacking");
    }

    @Override
    public void message(int bytes) {
      events.add("message " + bytes);
    }

    @Override
    public void sent() {
      events.add("sent");
    }

    @Override
    public void flushing(int bytes) {
      events.add("flushing " + bytes);
    }

    @Override
    public void written() {
      events.add("written");
    }

    @Override
    public @Nullable ChannelFuture ending() {
      events.add("ending");
      return null;
    }

    @Override
    public void closed(CloseReason reason) {
      events.add("closed " + reason.kind());
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void observerIsToldEverythingInOrder(Transport transport) throws Exception {
    Server started =
        start(
            transport,
            new Handler<>() {
              @Override
              public void onConnect(Connection<String> connection) {
                events.add("onConnect");
              }

              @Override
              public void onMessage(Connection<String> connection, String message) {
                events.add("onMessage");
                connection.send(message);
              }

              @Override
              public void onClose(Connection<String> connection, CloseReason reason) {
                events.add("onClose");
              }
            },
            new Notes());
    try (RawPeer peer = RawPeer.connect(started)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
      expect("start 1", "install", "connected", "onConnect");
      expect("received 9", "unpacking", "message 9", "onMessage", "sent", "flushing 9", "written");
    }
    expect("ending", "onClose", "closed PEER_CLOSED");
    started.close();
    expect("stop 0");
    assertThat(events).isEmpty();
  }

  @Test
  void messageCountsTheBytesOfAllReads() throws Exception {
    Server started = start(Connection::send, new Notes());
    try (RawPeer peer = RawPeer.connect(started)) {
      expect("start 1", "install", "connected");
      peer.write(RawPeer.length(3));
      expect("received 4", "unpacking");
      peer.write(new byte[] {'a', 'b', 'c'});
      expect("received 3", "unpacking", "message 7", "sent", "flushing 7", "written");
    }
  }

  @Test
  void publishedMessagesCountAsSent() throws Exception {
    Topic<String> topic = Topic.of("all");
    Server started =
        start(
            new Handler<>() {
              @Override
              public void onConnect(Connection<String> connection) {
                topic.subscribe(connection);
              }

              @Override
              public void onMessage(Connection<String> connection, String message) {
                topic.publish(message);
                topic.publish(message);
              }
            },
            new Notes());
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("hi");
      assertThat(peer.receive()).isEqualTo("hi");
      assertThat(peer.receive()).isEqualTo("hi");
      expect("start 1", "install", "connected");
      expect("received 6", "unpacking", "message 6", "sent", "sent", "flushing 12", "written");
    }
  }

  @Test
  void removedPluginsAreNotStarted() throws Exception {
    Server.Builder<String, String> builder =
        Server.builder(Texts::new, Connection<String>::send)
            .plugin(new Notes())
            .plugin(passing("first", Plugin.Stage.MESSAGES))
            .removePlugins(Notes.class::isInstance)
            .plugin(passing("second", Plugin.Stage.MESSAGES));
    server = builder.listen("tcp://127.0.0.1:0").eventLoops(1).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
    }
    expect("in first", "in second", "out second", "out first");
    assertThat(events).isEmpty();
  }

  /** Adds a handler that notes the bytes that pass, with its name. */
  private Plugin passing(String name, Plugin.Stage stage) {
    return new Plugin() {
      @Override
      public Stage stage() {
        return stage;
      }

      @Override
      public @Nullable Observer install(Link link) {
        link.pipeline()
            .addLast(
                new ChannelDuplexHandler() {
                  @Override
                  public void channelRead(ChannelHandlerContext ctx, Object message) {
                    events.add("in " + name);
                    ctx.fireChannelRead(message);
                  }

                  @Override
                  public void write(ChannelHandlerContext ctx, Object out, ChannelPromise promise) {
                    if (((ByteBuf) out).isReadable()) {
                      events.add("out " + name);
                    }
                    ctx.write(out, promise);
                  }
                });
        return null;
      }
    };
  }

  @Test
  void stagesHaveTheirOrderHoweverPluginsAreAdded() throws Exception {
    Server started =
        start(
            Connection::send,
            passing("messages", Plugin.Stage.MESSAGES),
            passing("transform 1", Plugin.Stage.TRANSFORM),
            passing("socket", Plugin.Stage.SOCKET),
            passing("encryption", Plugin.Stage.ENCRYPTION),
            passing("transform 2", Plugin.Stage.TRANSFORM),
            passing("admission", Plugin.Stage.ADMISSION),
            passing("address", Plugin.Stage.ADDRESS));
    try (RawPeer peer = RawPeer.connect(started)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
    }
    expect("in socket", "in address", "in admission", "in encryption");
    expect("in transform 1", "in transform 2", "in messages");
    expect("out messages", "out transform 2", "out transform 1");
    expect("out encryption", "out admission", "out address", "out socket");
  }

  /** Inverts all bits, in both directions. */
  private static final class Inverter extends ChannelDuplexHandler {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ctx.fireChannelRead(inverted(message));
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
      ctx.write(inverted(message), promise);
    }

    private static ByteBuf inverted(Object message) {
      ByteBuf bytes = (ByteBuf) message;
      ByteBuf inverted = Unpooled.buffer();
      bytes.forEachByte(
          b -> {
            inverted.writeByte(~b);
            return true;
          });
      bytes.release();
      return inverted;
    }
  }

  private static Plugin inverting() {
    return new Plugin() {
      @Override
      public @Nullable Observer install(Link link) {
        link.pipeline().addLast(new Inverter());
        return null;
      }
    };
  }

  private static byte[] inverted(byte[] bytes) {
    byte[] inverted = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      inverted[i] = (byte) ~bytes[i];
    }
    return inverted;
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void bytesMayBeChangedBothWaysAndMessagesKeptAndSentLater(Transport transport) throws Exception {
    // Unpooled buffers, messages that are slices of them, sent and not sent: nothing leaks.
    Server started =
        Server.builder(
                Buffers::new,
                (Connection<ByteBuf> connection, ByteBuf message) -> {
                  if (message.readableBytes() != 3) {
                    connection.send(message.retainedSlice());
                    connection.send(message);
                  }
                })
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .plugin(inverting())
            .start();
    server = started;
    try (RawPeer peer = RawPeer.connect(started)) {
      String large = "x".repeat(100_000);
      peer.write(inverted(RawPeer.frames("hello", "not", large, "")));
      byte[] expected = RawPeer.frames("hello", "hello", large, large, "", "");
      assertThat(peer.read(expected.length)).isEqualTo(inverted(expected));
    }
  }

  @Test
  void outputBehindAPluginIsBoundedAndPressesBack() throws Exception {
    Recorder<String, String> recorder = new Recorder<>((connection, message) -> {});
    Server started =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .plugin(inverting())
            .maxPendingBytes(300_000)
            .writeWatermarks(1_000, 100_000)
            .overflow(OverflowPolicy.DROP_NEWEST)
            .start();
    server = started;
    try (RawPeer peer = RawPeer.connect(started, /* receiveBuffer= */ 4096)) {
      Connection<String> connection = recorder.connection();
      recorder.expect("connect");
      CountDownLatch refused = new CountDownLatch(1);
      AtomicInteger sent = new AtomicInteger();
      String message = "x".repeat(10_000);
      connection.execute(
          () -> {
            while (connection.send(message)) {
              sent.incrementAndGet();
              assertThat(connection.pendingBytes()).isLessThan(310_500);
            }
            assertThat(connection.pendingBytes()).isGreaterThanOrEqualTo(300_000);
            assertThat(connection.isWritable()).isFalse();
            refused.countDown();
          });
      assertThat(refused.await(10, TimeUnit.SECONDS)).isTrue();
      peer.socket().getInputStream().skipNBytes(sent.get() * 10_004L);
      recorder.expect("writable");
      assertThat(connection.isWritable()).isTrue();
    }
  }

  @Test
  void handshakeOfAPluginDelaysOnConnect() throws Exception {
    Plugin password =
        new Plugin() {
          @Override
          public @Nullable Observer install(Link link) {
            link.pipeline()
                .addLast(
                    new ChannelInboundHandlerAdapter() {
                      @Override
                      public void channelActive(ChannelHandlerContext ctx) {
                        events.add("active");
                      }

                      @Override
                      public void channelRead(ChannelHandlerContext ctx, Object message) {
                        events.add("password " + ((ByteBuf) message).readByte());
                        ctx.fireChannelActive();
                        ctx.pipeline().remove(this);
                        ctx.fireChannelRead(message);
                      }
                    });
            return null;
          }
        };
    Recorder<String, String> recorder = new Recorder<>(Connection::send);
    Server started = start(recorder, password);
    try (RawPeer peer = RawPeer.connect(started)) {
      expect("active");
      recorder.expectNothingMore();
      peer.write(new byte[] {7}).send("hello");
      assertThat(peer.receive()).isEqualTo("hello");
      expect("password 7");
      recorder.expect("connect", "message hello");
    }
    recorder.expect("close PEER_CLOSED");
  }

  @Test
  void handshakeOfAPluginHasADeadline() throws Exception {
    Plugin never =
        new Plugin() {
          @Override
          public Observer install(Link link) {
            link.pipeline()
                .addLast(
                    new ChannelInboundHandlerAdapter() {
                      @Override
                      public void channelActive(ChannelHandlerContext ctx) {}
                    });
            return new Notes();
          }
        };
    Recorder<String, String> recorder = Recorder.silent();
    server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .plugin(never)
            .handshakeTimeout(Duration.ofMillis(100))
            .start();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.expectEnd();
    }
    expect("ending", "closed TIMEOUT");
    recorder.expectNothingMore();
  }

  @Test
  void addressesAndAttributesAreWhatAPluginSays() throws Exception {
    InetSocketAddress remote = InetSocketAddress.createUnresolved("client.example", 1);
    InetSocketAddress local = InetSocketAddress.createUnresolved("server.example", 2);
    Plugin plugin =
        new Plugin() {
          @Override
          public @Nullable Observer install(Link link) {
            link.addresses(remote, local);
            link.connection().attribute(String.class, "identity");
            return null;
          }
        };
    Recorder<String, String> recorder = new Recorder<>(Connection::send);
    start(recorder, plugin);
    Connection<String> connection;
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
      connection = recorder.connection();
      assertThat(connection.remoteAddress()).isEqualTo(remote);
      assertThat(connection.localAddress()).isEqualTo(local);
      assertThat(connection.listener()).isEqualTo(server.addresses().get(0));
    }
    recorder.expect("connect", "message hello", "close PEER_CLOSED");
    assertThat(connection.attribute(String.class)).isEqualTo("identity");
    assertThat(connection.attribute(Integer.class)).isNull();
    assertThat(connection.remoteAddress()).isEqualTo(remote);
  }

  @Test
  void eachPluginAndTheUserHaveTheirOwnPause() throws Exception {
    Queue<Plugin.Link> links = new ConcurrentLinkedQueue<>();
    Plugin first = new LinkKeeper(links);
    Plugin second = new LinkKeeper(links);
    Recorder<String, String> recorder = new Recorder<>(Connection::send);
    start(recorder, first, second);
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      connection.pauseReading();
      links.forEach(Plugin.Link::pauseReading);
      peer.send("hello");
      recorder.expect("connect");
      connection.resumeReading();
      links.remove().resumeReading();
      CountDownLatch later = new CountDownLatch(1);
      connection.runAfter(Duration.ofMillis(50), later::countDown);
      assertThat(later.await(10, TimeUnit.SECONDS)).isTrue();
      recorder.expectNothingMore();
      links.remove().resumeReading();
      recorder.expect("message hello");
    }
  }

  private record LinkKeeper(Queue<Plugin.Link> links) implements Plugin {
    @Override
    public @Nullable Observer install(Link link) {
      links.add(link);
      return null;
    }
  }

  @Test
  void pluginThatPausesAtAMessageDelaysTheNext() throws Exception {
    Plugin oneByOne =
        new Plugin() {
          @Override
          public Observer install(Link link) {
            return new Observer() {
              @Override
              public void message(int bytes) {
                link.pauseReading();
                link.connection().runAfter(Duration.ofMillis(30), link::resumeReading);
              }
            };
          }
        };
    start(Connection::send, oneByOne);
    try (RawPeer peer = RawPeer.connect(server)) {
      long start = System.nanoTime();
      peer.send("1", "2", "3", "4");
      for (int i = 1; i <= 4; i++) {
        assertThat(peer.receive()).isEqualTo(String.valueOf(i));
      }
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(90));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = CloseReason.Kind.class,
      names = {"IDLE", "LIMIT", "TIMEOUT"})
  void linkClosesForAReasonAfterWhatWasSent(CloseReason.Kind kind) throws Exception {
    Queue<Plugin.Link> links = new ConcurrentLinkedQueue<>();
    Recorder<String, String> recorder = new Recorder<>(Connection::send);
    start(recorder, new LinkKeeper(links));
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      connection.send("last");
      links.remove().close(CloseReason.of(kind));
      assertThat(peer.receive()).isEqualTo("last");
      peer.expectEnd();
    }
    recorder.expect("connect", "close " + kind);
  }

  @Test
  void connectionClosedDuringInstallNeverConnects() throws Exception {
    for (boolean now : new boolean[] {true, false}) {
      Plugin refusing =
          new Notes() {
            @Override
            public Observer install(Link link) {
              CloseReason reason = CloseReason.of(CloseReason.Kind.LIMIT);
              if (now) {
                link.closeNow(reason);
              } else {
                link.close(reason);
              }
              return this;
            }
          };
      Recorder<String, String> recorder = new Recorder<>(Connection::send);
      Server started = start(recorder, refusing);
      try (RawPeer peer = RawPeer.connect(started)) {
        peer.expectEnd();
      }
      expect("start 1");
      if (!now) {
        expect("ending");
      }
      expect("closed LIMIT");
      recorder.expectNothingMore();
      started.close();
      expect("stop 0");
    }
  }

  @Test
  void lastBytesOfAPluginAreTheLastThatThePeerGets() throws Exception {
    Plugin lastBytes =
        new Plugin() {
          @Override
          public Observer install(Link link) {
            return new Observer() {
              @Override
              public ChannelFuture ending() {
                ByteBuf bye = Unpooled.copiedBuffer("bye", StandardCharsets.US_ASCII);
                return link.pipeline().firstContext().writeAndFlush(bye);
              }
            };
          }
        };
    start((connection, message) -> connection.close(), lastBytes);
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("hello");
      assertThat(new String(peer.readAll(), StandardCharsets.US_ASCII)).isEqualTo("bye");
    }
  }

  @Test
  void outputOfAPluginEndsOnceAlsoIfTheConnectionClosesLater() throws Exception {
    Handler<String, String> handler =
        (connection, message) -> {
          connection.shutdownOutput();
          connection.close();
        };
    start(handler, new Notes());
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("hello");
      peer.expectEnd();
    }
    expect(
        "start 1",
        "install",
        "connected",
        "received 9",
        "unpacking",
        "message 9",
        "ending",
        "closed CLOSED");
  }

  @Test
  void whatAPluginThrowsFromInstallClosesThatConnection() throws Exception {
    Plugin broken =
        new Plugin() {
          @Override
          public @Nullable Observer install(Link link) {
            throw new IllegalStateException("broken");
          }
        };
    try (LogCapture log = new LogCapture("dev.jev")) {
      Recorder<String, String> recorder = new Recorder<>(Connection::send);
      start(recorder, broken);
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.expectEnd();
      }
      recorder.expectNothingMore();
      assertThat(log.records()).anyMatch(r -> r.getMessage().startsWith("HANDLER_ERROR"));
    }
  }

  @Test
  void whatAnObserverThrowsClosesItsConnectionWithHandlerError() throws Exception {
    Plugin broken =
        new Plugin() {
          @Override
          public Observer install(Link link) {
            return new Observer() {
              @Override
              public void message(int bytes) {
                throw new IllegalStateException("broken");
              }
            };
          }
        };
    try (LogCapture log = new LogCapture("dev.jev")) {
      Recorder<String, String> recorder = new Recorder<>(Connection::send);
      start(recorder, broken);
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.send("hello").expectEnd();
      }
      recorder.expect("connect", "close HANDLER_ERROR");
      assertThat(log.records()).hasSize(1);
    }
  }

  @Test
  void whatAPluginThrowsFromStartKeepsTheServerFromStarting() throws Exception {
    Plugin broken =
        new Plugin() {
          @Override
          public void start(PluginHost server) {
            throw new IllegalStateException("not today");
          }
        };
    assertThatIllegalStateException()
        .isThrownBy(() -> start(Connection::send, broken))
        .withMessage("not today");
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void pluginOfAClientIsStartedBeforeTheFirstAttemptAndStoppedLast() throws Exception {
    Server started = start(Connection::send);
    BlockingQueue<String> told = new LinkedBlockingQueue<>();
    PluginHost[] host = new PluginHost[1];
    Plugin plugin =
        new Plugin() {
          @Override
          public void start(PluginHost starting) {
            host[0] = starting;
            told.add("start " + starting.addresses() + " " + starting.connectionCount());
          }

          @Override
          public Observer install(Link link) {
            told.add("install " + (link.host() == host[0]));
            return new Observer() {
              @Override
              public void closed(CloseReason reason) {
                told.add("closed");
              }
            };
          }

          @Override
          public void stop(PluginHost stopping) {
            told.add("stop " + (stopping == host[0]) + " " + stopping.connectionCount());
          }
        };
    try (Client<String> client =
        Client.builder(Texts::new, (Connection<String> c, String text) -> told.add(text))
            .plugin(plugin)
            .connect("tcp://127.0.0.1:" + started.port())) {
      client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS).send("hello");
      assertThat(told.poll(10, TimeUnit.SECONDS)).isEqualTo("start [] 0");
      assertThat(told.poll(10, TimeUnit.SECONDS)).isEqualTo("install true");
      assertThat(told.poll(10, TimeUnit.SECONDS)).isEqualTo("hello");
      assertThat(host[0].connectionCount()).isEqualTo(1);
    }
    assertThat(told).containsExactly("closed", "stop true 0");
  }

  @Test
  void pluginThatThrowsFromStartKeepsTheClientFromConnecting() throws Exception {
    Server started = start(Connection::send);
    Plugin broken =
        new Plugin() {
          @Override
          public void start(PluginHost host) {
            throw new IllegalStateException("not today");
          }
        };
    Client.Builder<String, String> builder =
        Client.<String, String>builder(Texts::new, (connection, text) -> {}).plugin(broken);
    assertThatIllegalStateException()
        .isThrownBy(() -> builder.connect("tcp://127.0.0.1:" + started.port()))
        .withMessage("not today");
    assertThat(started.connectionCount()).isZero();
    started.close();
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void hostOfAClientStopsItsAttempts() throws Exception {
    Server started = start(Connection::send);
    PluginHost[] host = new PluginHost[1];
    Plugin plugin =
        new Plugin() {
          @Override
          public void start(PluginHost starting) {
            host[0] = starting;
          }
        };
    Client<String> client =
        Client.<String, String>builder(Texts::new, (connection, text) -> {})
            .plugin(plugin)
            .reconnect(Duration.ofMillis(1), Duration.ofMillis(1))
            .connect("tcp://127.0.0.1:" + started.port());
    Connection<String> connection =
        client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
    host[0].stopAccepting();
    assertThat(connection.isOpen()).isTrue();
    connection.close();
    host[0].awaitStop();
    assertThat(client.isConnected()).isFalse();
  }

  @Test
  void hostOfAClientEndsAnAttemptUnderWay() throws Exception {
    PluginHost[] host = new PluginHost[1];
    Plugin plugin =
        new Plugin() {
          @Override
          public void start(PluginHost starting) {
            host[0] = starting;
          }
        };
    Client<String> client =
        Client.<String, String>builder(Texts::new, (connection, text) -> {})
            .plugin(plugin)
            .reconnect(Duration.ofMinutes(1), Duration.ofMinutes(1))
            .connect("tcp://127.0.0.1:1"); // no server listens there
    host[0].stopAccepting();
    host[0].awaitStop();
    assertThat(client.connected().toCompletableFuture()).isCompletedExceptionally();
  }

  @Test
  void hostTellsWhetherAcceptingIsPaused() throws Exception {
    PluginHost[] hosts = new PluginHost[2];
    Plugin plugin =
        new Plugin() {
          @Override
          public void start(PluginHost starting) {
            hosts[starting instanceof Server ? 0 : 1] = starting;
          }
        };
    Server server = start((connection, text) -> {}, plugin);
    assertThat(hosts[0].isAcceptingPaused()).isFalse();
    hosts[0].pauseAccepting("a");
    server.pauseAccepting("b");
    server.resumeAccepting("a");
    assertThat(hosts[0].isAcceptingPaused()).isTrue();
    server.resumeAccepting("b");
    assertThat(hosts[0].isAcceptingPaused()).isFalse();
    try (Client<String> client =
        Client.<String, String>builder(Texts::new, (connection, text) -> {})
            .plugin(plugin)
            .connect("tcp://127.0.0.1:" + server.port())) {
      hosts[1].pauseAccepting("a");
      assertThat(hosts[1].isAcceptingPaused()).isFalse();
      assertThat(client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS)).isNotNull();
    }
  }

  @Test
  void thirtyPluginsAreTooMany() {
    Server.Builder<String, String> builder = Server.builder(Texts::new, Connection::send);
    for (int i = 0; i < 29; i++) {
      builder.plugin(new Plugin() {});
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.plugin(new Plugin() {}))
        .withMessage("plugins: 30 (expected: 1..29)");
  }

  @Test
  void detachedConnectionIsClosedForItsObserver() throws Exception {
    Server started =
        start(
            (connection, message) -> connection.detach(new ChannelInboundHandlerAdapter()),
            new Notes());
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("hello");
      expect("start 1", "install", "connected", "received 9", "unpacking", "message 9");
      expect("closed CLOSED");
    }
  }

  @Test
  void stalledOutputIsReportedAndSoIsItsEnd() throws Exception {
    Plugin watching =
        new Plugin() {
          @Override
          public Observer install(Link link) {
            return new Observer() {
              private boolean stalled;

              @Override
              public void stalled() {
                stalled = true;
                events.add("stalled");
              }

              @Override
              public void resumed() {
                events.add("resumed");
              }

              @Override
              public void written() {
                if (stalled) {
                  events.add("written");
                }
              }
            };
          }
        };
    Recorder<String, String> recorder = Recorder.silent();
    start(recorder, watching);
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
      Connection<String> connection = recorder.connection();
      int messages = 90;
      for (int i = 0; i < messages; i++) {
        assertThat(connection.send("x".repeat(10_000))).isTrue();
      }
      expect("stalled");
      for (int i = 0; i < messages; i++) {
        assertThat(peer.receive()).hasSize(10_000);
      }
      assertThat(List.of(events.take(), events.take())).contains("resumed", "written");
    }
  }
}
