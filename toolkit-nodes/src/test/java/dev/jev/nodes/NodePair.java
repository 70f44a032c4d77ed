package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Nodes on one engine, each with a server that hands out its connections. */
final class NodePair implements AutoCloseable {

  private final Backplane engine;
  private final List<Nodes> nodes = new ArrayList<>();
  private final List<Server> servers = new ArrayList<>();
  private final List<BlockingQueue<Connection<String>>> connections = new ArrayList<>();

  NodePair(Backplane engine) {
    this.engine = engine;
    start("a");
    start("b");
  }

  static NodePair inProcess() {
    return new NodePair(Backplane.inProcess());
  }

  private void start(String name) {
    Duration second = Duration.ofSeconds(1);
    start(Nodes.builder(engine).name(name).publishTimeout(second).lease(second).build());
  }

  void start(Nodes node) {
    BlockingQueue<Connection<String>> opened = new LinkedBlockingQueue<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            opened.add(connection);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    nodes.add(node);
    connections.add(opened);
    servers.add(
        Server.builder(Texts::new, handler).plugin(node).listen("tcp://127.0.0.1:0").start());
  }

  Nodes node(int index) {
    return nodes.get(index);
  }

  Server server(int index) {
    return servers.get(index);
  }

  /** Connects a peer to a node. */
  Peer connect(int index) throws Exception {
    RawPeer peer = RawPeer.connect(servers.get(index));
    return new Peer(peer, connections.get(index).poll(30, TimeUnit.SECONDS));
  }

  static <T> T await(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  @Override
  public void close() {
    servers.forEach(server -> server.stop(Duration.ofSeconds(2)));
    engine.close();
  }

  /** A peer and its connection on the server. */
  record Peer(RawPeer socket, Connection<String> connection) implements AutoCloseable {

    List<String> receive(int count) throws IOException {
      List<String> texts = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        texts.add(socket.receive());
      }
      return texts;
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
