package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ProtocolException;
import dev.jev.Server;
import dev.jev.Wire;
import dev.jev.codec.Protocols;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The code of the README: each block there is a region here, and does what is said of it. */
class SnippetsTest {

  /** One connection, one request, everything that comes back until the server closes. */
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
  /** Texts of up to 255 bytes, each behind its length in one byte. */
  static final class ShortTexts implements Protocol<String, String> {

    @Override
    public @Nullable String unpack(Wire wire, ByteBuf in) {
      int length = in.getUnsignedByte(in.readerIndex()); // there is always at least one byte
      if (length == 0) {
        throw new ProtocolException("length: 0 (expected: 1..255)");
      }
      if (in.readableBytes() < 1 + length) {
        return null; // not complete: called again when there is more
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

  // region handler
  static final class Greeter implements Handler<String, String> {

    @Override
    public void onConnect(Connection<String> connection) {
      connection.send("welcome");
    }

    @Override
    public void onMessage(Connection<String> connection, String message) {
      if (message.equals("bye")) {
        connection.close(); // after everything that was sent
      } else {
        connection.send("hello " + message);
      }
    }

    @Override
    public void onClose(Connection<String> connection, CloseReason reason) {
      System.out.println(connection.remoteAddress() + " left: " + reason);
    }
  }

  // endregion

  @Test
  void ownProtocolWorksWithOwnHandler() throws IOException {
    Server server =
        Server.builder(ShortTexts::new, new Greeter()).listen("tcp://127.0.0.1:0").start();
    try (server) {
      byte[] reply = exchange(server, "\3Ann\3Bob\3bye\3Eve".getBytes(StandardCharsets.UTF_8));
      assertThat(reply).asString().isEqualTo("\7welcome\11hello Ann\11hello Bob");
      assertThat(exchange(server, (byte) 0)).asString().isEqualTo("\7welcome");
    }
  }

  @Test
  void readmeShowsTheCodeThatIsTestedHere() throws IOException {
    Path root = Path.of("..");
    String readme = Files.readString(root.resolve("README.md"));
    String source = Files.readString(Path.of("src/test/java/dev/jev/samples/SnippetsTest.java"));
    List<String> regions =
        Pattern.compile("// region (\\w+)\\n(.*?)\\s*// endregion", Pattern.DOTALL)
            .matcher(source)
            .results()
            .map(region -> region.group(2).stripIndent().strip())
            .toList();
    List<String> blocks =
        Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL)
            .matcher(readme)
            .results()
            .map((MatchResult block) -> block.group(1).strip())
            .toList();
    assertThat(blocks).containsExactlyElementsOf(regions);
  }
}
