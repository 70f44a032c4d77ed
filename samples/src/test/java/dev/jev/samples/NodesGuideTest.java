package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.codec.Protocols;
import dev.jev.nodes.Backplane;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.NodeTopic;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.Receipt;
import dev.jev.nodes.TopicGate;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.nodes.TopicKind;
import dev.jev.nodes.TopicSocket;
import dev.jev.plugin.Drain;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Runs the code of docs/nodes.md: each of its Java blocks is a region of this class. */
class NodesGuideTest {

  // region rooms
  static Server startRooms(Nodes nodes, String uri) {
    TopicKind<String> room =
        TopicKind.log(MessageCodec.json(), 1000, Duration.ofMinutes(2)).presence();
    return TopicSocket.builder(nodes)
        .gate(TopicGate.always(Grant.readWrite(room)))
        .build()
        .server()
        .plugin(Drain.builder().build())
        .listen(uri)
        .start();
  }

  // endregion

  // region handler
  /** A room for clients of any protocol. */
  record RoomHandler(NodeTopic<String> room) implements Handler<String, String> {

    @Override
    public void onConnect(Connection<String> connection) {
      room.subscribe(connection, SlowConsumer.close());
    }

    @Override
    public void onMessage(Connection<String> connection, String line) {
      room.publish(line)
          .thenAccept(
              receipt -> {
                if (receipt.outcome() != Receipt.Outcome.STORED) {
                  connection.send("not confirmed: " + receipt.outcome());
                }
              });
    }
  }

  // endregion

  @Test
  void browserResumesInItsRoom() throws Exception {
    Nodes nodes = Nodes.builder(Backplane.inProcess()).build();
    try (Server server = startRooms(nodes, "tcp://127.0.0.1:0")) {
      Client first = Client.connect(server);
      first.send("{'subscribe':['a']}");
      assertThat(first.receive()).startsWith("{'heartbeat':");
      assertThat(first.receive()).startsWith("{'subscribed':'a'");
      first.send("{'publish':'a','data':{'text':'one'},'id':1}");
      String message = first.await("data");
      assertThat(message).endsWith("'data':{'text':'one'}}");
      first.socket.abort();
      nodes
          .topic("a", TopicKind.log(MessageCodec.json(), 1000, Duration.ofMinutes(2)).presence())
          .publish("{\"text\":\"two\"}");
      Client again = Client.connect(server);
      String position = message.replaceAll(".*'position':'([^']*)'.*", "$1");
      again.send("{'subscribe':['a'],'after':{'a':'" + position + "'}}");
      assertThat(again.await("subscribed")).contains("'replayed':1,'lost':false");
      assertThat(again.await("data")).endsWith("'data':{'text':'two'}}");
      again.socket.abort();
    }
  }

  @Test
  void clientsOfOtherProtocolsAreInTheRoom() throws Exception {
    Nodes nodes = Nodes.builder(Backplane.inProcess()).build();
    TopicKind<String> kind = TopicKind.log(MessageCodec.utf8(), 1000, Duration.ofMinutes(2));
    try (Server server =
            Server.builder(Protocols::lines, new RoomHandler(nodes.topic("a", kind)))
                .plugin(nodes)
                .listen("tcp://127.0.0.1:0")
                .start();
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.getOutputStream().write("hello\n".getBytes(java.nio.charset.StandardCharsets.UTF_8));
      BufferedReader lines =
          new BufferedReader(
              new InputStreamReader(
                  socket.getInputStream(), java.nio.charset.StandardCharsets.UTF_8));
      assertThat(lines.readLine()).isEqualTo("hello");
    }
  }

  /** A WebSocket client; its texts have single quotes for double ones. */
  private static final class Client implements WebSocket.Listener {

    private final BlockingQueue<String> texts = new LinkedBlockingQueue<>();
    private final StringBuilder text = new StringBuilder();
    private WebSocket socket;

    static Client connect(Server server) {
      Client client = new Client();
      client.socket =
          HttpClient.newHttpClient()
              .newWebSocketBuilder()
              .subprotocols(TopicSocket.SUBPROTOCOL)
              .buildAsync(URI.create("ws://127.0.0.1:" + server.port() + "/topics"), client)
              .join();
      return client;
    }

    void send(String json) {
      socket.sendText(json.replace('\'', '"'), true).join();
    }

    String receive() throws InterruptedException {
      String received = texts.poll(5, TimeUnit.SECONDS);
      assertThat(received).isNotNull();
      return received;
    }

    /** Returns the next text with this member. */
    String await(String member) throws InterruptedException {
      String received = receive();
      while (!received.contains("'" + member + "':")) {
        received = receive();
      }
      return received;
    }

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
      text.append(part);
      if (last) {
        texts.add(text.toString().replace('"', '\''));
        text.setLength(0);
      }
      socket.request(1);
      return null;
    }
  }
}
