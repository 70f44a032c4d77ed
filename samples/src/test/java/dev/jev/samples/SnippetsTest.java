package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.codec.Protocols;
import dev.jev.plugin.IdleReaper;
import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import dev.jev.samples.options.SelfSigned;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs the code of README.md: each of its Java blocks is a region of this class. */
class SnippetsTest {

  /** Sends one request over one connection and returns all bytes until the server closes. */
  private static byte[] exchange(Server server, byte... request) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(request);
      socket.shutdownOutput();
      InputStream in = socket.getInputStream();
      return in.readAllBytes();
    }
  }

  private static boolean isFree(int port) {
    try (ServerSocket socket = new ServerSocket(port)) {
      return socket.isBound();
    } catch (IOException e) {
      return false;
    }
  }

  private static String pem(Path store, String password) throws Exception {
    KeyStore keys = KeyStore.getInstance(store.toFile(), password.toCharArray());
    byte[] certificate = keys.getCertificate("jev").getEncoded();
    return "-----BEGIN CERTIFICATE-----\n"
        + Base64.getMimeEncoder().encodeToString(certificate)
        + "\n-----END CERTIFICATE-----\n";
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  @Test
  void echoServerEchoes() throws IOException {
    assumeThat(isFree(5000)).isTrue();
    // region echo
    Server server =
        Server.builder(Protocols::bytes, Connection::send) // protocol, handler
            .listen("tcp://:5000")
            .start();
    // endregion
    try (server) {
      assertThat(exchange(server, "hello".getBytes(StandardCharsets.UTF_8)))
          .asString()
          .isEqualTo("hello");
    }
  }

  // region protocol
  static final class ShortTexts implements Protocol<String, String> {
    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      int length = in.getUnsignedByte(in.readerIndex()); // there is always at least one byte
      if (length == 0) {
        throw new ProtocolException("length: 0 (expected: 1..255)");
      }
      if (in.readableBytes() < 1 + length) {
        return null; // incomplete: called again when more bytes arrive
      }
      in.skipBytes(1);
      return in.readCharSequence(length, StandardCharsets.UTF_8).toString();
    }

    @Override
    public void pack(String message, ByteBuf out) {
      byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
      if (bytes.length == 0 || bytes.length > 255) {
        throw new IllegalArgumentException(
            "message: " + bytes.length + " bytes (expected: 1..255)");
      }
      out.writeByte(bytes.length).writeBytes(bytes);
    }
  }

  // endregion

  @Test
  void ownProtocolWorks() throws IOException {
    Handler<String, String> greeter = Handler.replying(name -> "hello " + name);
    Server server = Server.builder(ShortTexts::new, greeter).listen("tcp://127.0.0.1:0").start();
    try (server) {
      byte[] reply = exchange(server, "\3Ann\3Bob".getBytes(StandardCharsets.UTF_8));
      assertThat(reply).asString().isEqualTo("\11hello Ann\11hello Bob");
      assertThat(exchange(server, (byte) 0)).isEmpty();
    }
  }

  @Test
  void webSocketPublishesWhatItsClientsSay() throws Exception {
    assumeThat(isFree(8080)).isTrue();
    // region websocket
    Topic<WebSocketMessage> room = Topic.of("room");
    Handler<WebSocketMessage, WebSocketMessage> chat =
        new Handler<>() {
          @Override
          public void onConnect(Connection<WebSocketMessage> connection) {
            room.subscribe(connection, SlowConsumer.dropOldest()); // until it closes
          }

          @Override
          public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
            room.publish(message);
          }
        };
    Supplier<WebSocketProtocol> sockets =
        WebSocketProtocol.server().path("/chat").http(HttpResponder.classPath("static")).build();
    Server server = Server.builder(sockets, chat).listen("tcp://:8080").start();
    // endregion
    try (server) {
      WebSocketTexts ann = WebSocketTexts.connect(8080, "/chat");
      WebSocketTexts bob = WebSocketTexts.connect(8080, "/chat");
      ann.sends("hello").expect("hello");
      bob.sends("hello, Ann").expect("hello, Ann");
      ann.expect("hello, Ann");
    }
  }

  @Test
  void serverHasPluginsAndAClient(@TempDir Path directory) throws Exception {
    Path store = directory.resolve("greeter.p12");
    String password = "only for this test";
    SelfSigned.makeCertificate(store, password);
    Path certificate = Files.writeString(directory.resolve("greeter.pem"), pem(store, password));
    Path socket = directory.resolve("greeter.sock");
    int port = freePort();
    List<String> received = new CopyOnWriteArrayList<>();
    ExecutorService workers = Executors.newCachedThreadPool();
    // region plugins
    Handler<String, String> greeter = Handler.replying(name -> "hello " + name);
    Server server =
        Server.builder(ShortTexts::new, greeter.offload(workers)) // may block now
            .plugin(Tls.server().identity(TlsIdentity.pkcs12(store, password)).build())
            .plugin(IdleReaper.readIdle(Duration.ofMinutes(1)))
            .listen("tcp://:" + port)
            .listen("unix://" + socket + "?mode=0660")
            .start();
    server.runEvery(Duration.ofMinutes(1), () -> System.out.println(server.connectionCount()));
    Client<String> client =
        Client.builder(ShortTexts::new, (Connection<String> c, String text) -> received.add(text))
            .plugin(Tls.client().trustPem(certificate).build())
            .reconnect()
            .connect("tcp://localhost:" + port);
    client.connected().thenAccept(connection -> connection.send("Ann"));
    // endregion
    try (server;
        client) {
      for (long end = System.nanoTime() + 10_000_000_000L; received.isEmpty(); ) {
        assertThat(System.nanoTime()).as("%s", received).isLessThan(end);
        Thread.onSpinWait();
      }
      assertThat(received).containsExactly("hello Ann");
      assertThat(socket).exists();
    } finally {
      workers.shutdown();
    }
  }

  @Test
  void readmeShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("README.md", SnippetsTest.class);
  }

  @Test
  void readmeNamesTheVersionOfBoringSslThatFitsNetty() throws IOException {
    String artifact = "io.netty/netty-tcnative-boringssl-static";
    Properties maven = new Properties();
    try (InputStream in =
        getClass().getResourceAsStream("/META-INF/maven/" + artifact + "/pom.properties")) {
      maven.load(in);
    }
    assertThat(Path.of("..", "README.md"))
        .content()
        .contains(artifact.replace('/', ':') + ":" + maven.getProperty("version") + "`");
  }
}
