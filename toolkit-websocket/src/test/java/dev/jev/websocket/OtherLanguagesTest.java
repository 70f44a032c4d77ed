package dev.jev.websocket;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.websocket.WebSocketMessage.Binary;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.ByteBufUtil;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Interoperability with implementations in other languages. */
@Timeout(60)
@CallsPrograms
class OtherLanguagesTest {

  private static final int MAX_MESSAGE_BYTES = 1 << 20;
  private static final Duration BLOCKED_LOOP_THRESHOLD = Duration.ofSeconds(20);

  /** Options of Node's {@code ws}: context takeover in each direction, and window bits. */
  private static final List<String> DEFLATE_OPTIONS =
      List.of(
          "{\"threshold\": 0}",
          "{\"threshold\": 0, \"serverNoContextTakeover\": true}",
          "{\"threshold\": 0, \"clientNoContextTakeover\": true}",
          "{\"threshold\": 0, \"serverNoContextTakeover\": true,"
              + " \"clientNoContextTakeover\": true}",
          "{\"threshold\": 0, \"serverMaxWindowBits\": 9}",
          "{\"threshold\": 0, \"clientMaxWindowBits\": 9}");

  /** Records the messages and the close reason of a client. */
  private static final class RecordingHandler
      implements Handler<WebSocketMessage, WebSocketMessage> {

    private final BlockingQueue<Object> received = new LinkedBlockingQueue<>();

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      if (message instanceof Text text) {
        received.add(text.text());
      } else if (message instanceof Binary binary) {
        received.add(ByteBufUtil.getBytes(binary.content()));
      }
    }

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      received.add(reason.kind() + " " + connection.attribute(WebSocketClose.class));
    }

    private void expect(Object expected) throws InterruptedException {
      assertThat(received.poll(20, SECONDS)).isEqualTo(expected);
    }
  }

  private static Server echo(UnaryOperator<WebSocketServerBuilder> options) {
    WebSocketServerBuilder protocol =
        options.apply(WebSocketProtocol.server().maxMessageBytes(MAX_MESSAGE_BYTES));
    return Server.builder(protocol.build(), Connection::send)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1)
        .blockedLoopThreshold(BLOCKED_LOOP_THRESHOLD) // paranoid leak detection is slow
        .start();
  }

  private static String uri(Server server) {
    return "ws://127.0.0.1:" + server.port() + "/";
  }

  private static void expectTalk(OtherProgram client, String extensions) throws Exception {
    client.expect("extensions " + extensions, "close 4321 gr\u00fc\u00dfe");
  }

  @Test
  void nodeTalksToTheServer() throws Exception {
    try (Server server = echo(options -> options);
        OtherProgram node = OtherProgram.node("ws-client.js", uri(server), "true")) {
      expectTalk(node, "");
      node.expectEnd();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void nodeTalksToTheServerCompressedInEveryWay(boolean takeover) throws Exception {
    try (Server server = echo(options -> options.compression(compression(takeover)))) {
      List<String> arguments = new ArrayList<>(List.of(uri(server), "false"));
      arguments.addAll(DEFLATE_OPTIONS);
      try (OtherProgram node =
          OtherProgram.node("ws-client.js", arguments.toArray(String[]::new))) {
        expectTalk(node, "");
        for (int i = 0; i < DEFLATE_OPTIONS.size(); i++) {
          expectTalk(node, "permessage-deflate");
        }
        node.expectEnd();
      }
    }
  }

  @Test
  void pythonTalksToTheServer() throws Exception {
    try (Server server = echo(options -> options);
        OtherProgram python = OtherProgram.python("websockets-client.py", uri(server), "deflate")) {
      expectTalk(python, "[]");
      python.expectEnd();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void pythonTalksToTheServerCompressed(boolean takeover) throws Exception {
    try (Server server = echo(options -> options.compression(compression(takeover)));
        OtherProgram python = OtherProgram.python("websockets-client.py", uri(server), "deflate")) {
      expectTalk(python, "['permessage-deflate']");
      python.expectEnd();
    }
  }

  @Test
  void clientTalksToNode() throws Exception {
    try (OtherProgram node = OtherProgram.node("ws-server.js", "false", "true")) {
      int plain = Integer.parseInt(node.readAfter("port "));
      int compressed = Integer.parseInt(node.readAfter("port "));
      talk(plain, options -> options.compression());
      node.expect("extensions ", "close 4001 bye");
      talk(compressed, options -> options);
      node.expect("extensions ", "close 4001 bye");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void clientTalksToNodeCompressedInEveryWay(boolean takeover) throws Exception {
    try (OtherProgram node =
        OtherProgram.node("ws-server.js", DEFLATE_OPTIONS.toArray(String[]::new))) {
      List<Integer> ports = new ArrayList<>();
      for (int i = 0; i < DEFLATE_OPTIONS.size(); i++) {
        ports.add(Integer.parseInt(node.readAfter("port ")));
      }
      for (int port : ports) {
        talk(port, options -> options.compression(compression(takeover)));
        node.expect("extensions permessage-deflate", "close 4001 bye");
      }
    }
  }

  private static WebSocketCompression compression(boolean takeover) {
    WebSocketCompression all = WebSocketCompression.DEFAULT.minBytes(1);
    return takeover ? all.contextTakeover() : all;
  }

  /** Exchanges messages with a Node server until the server closes. */
  private static void talk(int port, UnaryOperator<WebSocketClientBuilder> options)
      throws Exception {
    URI uri = URI.create("ws://127.0.0.1:" + port + "/");
    WebSocketClientBuilder protocol =
        options.apply(WebSocketProtocol.client(uri).maxMessageBytes(MAX_MESSAGE_BYTES));
    RecordingHandler handler = new RecordingHandler();
    try (Client<WebSocketMessage> client =
        Client.builder(protocol.build(), handler)
            .blockedLoopThreshold(BLOCKED_LOOP_THRESHOLD)
            .connect(protocol.address())) {
      Connection<WebSocketMessage> connection =
          client.connected().toCompletableFuture().get(20, SECONDS);
      messages(connection, handler);
      connection.send(WebSocketMessage.text("fragments"));
      handler.expect("gr\u00fc\u00dfe " + "x".repeat(70_000) + " end");
      handler.expect("pong between");
      connection.send(WebSocketMessage.text("close"));
      handler.expect(
          "PEER_CLOSED WebSocketClose[received=Close[code=4001, reason=bye],"
              + " sent=Close[code=4001, reason=bye]]");
    }
  }

  private static void messages(Connection<WebSocketMessage> connection, RecordingHandler handler)
      throws InterruptedException {
    Random random = new Random(7);
    for (int length : new int[] {0, 1, 125, 126, 65_535, 65_536}) {
      String text = "x".repeat(length);
      connection.send(WebSocketMessage.text(text));
      handler.expect(text);
      byte[] bytes = new byte[length];
      random.nextBytes(bytes);
      connection.send(WebSocketMessage.binary(bytes));
      handler.expect(bytes);
    }
    for (int i = 0; i < 100; i++) {
      connection.send(WebSocketMessage.text("message " + i + " of many that resemble each other"));
    }
    for (int i = 0; i < 100; i++) {
      handler.expect("message " + i + " of many that resemble each other");
    }
  }
}
