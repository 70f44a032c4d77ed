package dev.jev.redis;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Texts;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.NodeTopic;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.Position;
import dev.jev.nodes.Presence;
import dev.jev.nodes.TopicKind;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A node with a server, whose clients are subscribed to a log. */
final class RedisNodes implements AutoCloseable {

  static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.utf8(), 10_000, Duration.ofMinutes(5)).presence();

  private static final String START = "start";

  final Queue<String> events = new ConcurrentLinkedQueue<>();
  final Nodes nodes;
  private final RedisBackplane engine;
  private final Server server;

  RedisNodes(String name, String uri) {
    engine = RedisBackplane.of(uri);
    nodes =
        Nodes.builder(engine)
            .name(name)
            .lease(Duration.ofSeconds(3))
            .publishTimeout(Duration.ofSeconds(20))
            .listener(
                new Nodes.Listener() {
                  @Override
                  public void onGap(String topic, Position from, Position to) {
                    events.add("gap");
                  }

                  @Override
                  public void onDiverged(String topic, int records) {
                    events.add("diverged " + records);
                  }

                  @Override
                  public void onHealth(Nodes.Health health) {
                    events.add(health.state().name());
                  }

                  @Override
                  public void onNode(String node, boolean alive) {
                    events.add(node + (alive ? " alive" : " gone"));
                  }
                })
            .build();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.attribute(Presence.Member.class, new Presence.Member(name, ""));
            topic().subscribe(connection, SlowConsumer.close());
            connection.send("subscribed");
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    server = Server.builder(Texts::new, handler).plugin(nodes).listen("tcp://127.0.0.1:0").start();
  }

  NodeTopic<String> topic() {
    return nodes.topic("t", LOG);
  }

  /** Connects a client, which collects what it gets from now on. */
  List<String> client() throws Exception {
    RawPeer peer = RawPeer.connect(server);
    peer.receive();
    List<String> received = new CopyOnWriteArrayList<>();
    CountDownLatch listens = new CountDownLatch(1);
    Thread thread = new Thread(() -> collect(peer, received, listens), "client");
    thread.setDaemon(true);
    thread.start();
    topic().publish(START);
    if (!listens.await(30, TimeUnit.SECONDS)) {
      throw new AssertionError("the node does not listen");
    }
    return received;
  }

  private static void collect(RawPeer peer, List<String> received, CountDownLatch listens) {
    while (true) {
      try {
        String text = peer.receive();
        if (text.equals(START)) {
          listens.countDown();
        } else {
          received.add(text);
        }
      } catch (SocketTimeoutException e) {
        // goes on
      } catch (IOException e) {
        return;
      }
    }
  }

  @Override
  public void close() {
    server.stop(Duration.ofSeconds(1));
    engine.close();
  }
}
