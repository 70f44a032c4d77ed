package dev.jev.samples;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.Program;
import dev.jev.test.RawPeer;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The sample between clients of lines and servers of texts, some of which read slowly. */
@Timeout(180)
class ProxyIT {

  private static final int TEXTS = 40_000;
  private static final int TEXT_BYTES = 1_000;

  /** Less than systems choose, and still more than a packet of the loopback interface. */
  private static final int RECEIVE_BUFFER = 256 * 1024;

  /** More than systems buffer of one direction, in the four sockets on its way. */
  private static final int MAX_BUFFERED = 32 * 1024 * 1024;

  private static Program proxy(int port, String... more) throws Exception {
    List<String> arguments = new ArrayList<>();
    arguments.addAll(List.of("proxy", "--port", "0", "--to", "tcp://127.0.0.1:" + port));
    arguments.addAll(List.of(more));
    return Sample.server(arguments.toArray(String[]::new));
  }

  private static void expectEnd(Program server) throws Exception {
    assertThat(server.terminate().exitStatus()).isZero();
    assertThat(server.errors()).isEmpty();
  }

  private static InetSocketAddress address(int port) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  private static ServerSocket listen() throws IOException {
    return new ServerSocket(0, /* backlog= */ 50, InetAddress.getLoopbackAddress());
  }

  private static Socket accept(ServerSocket listener) throws IOException {
    listener.setSoTimeout(30_000);
    Socket socket = listener.accept();
    socket.setSoTimeout(30_000);
    return socket;
  }

  private static void sendFrame(Socket socket, String text) throws IOException {
    byte[] bytes = text.getBytes(UTF_8);
    socket
        .getOutputStream()
        .write(ByteBuffer.allocate(4 + bytes.length).putInt(bytes.length).put(bytes).array());
  }

  private static String receiveFrame(Socket socket) throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    return new String(in.readNBytes(in.readInt()), UTF_8);
  }

  @Test
  void linesReachAServerOfTextsAndItsAnswersComeBack() throws Exception {
    try (Program server = Sample.server("length-prefixed", "--port", "0");
        Program proxy = proxy(server.port());
        RawClient client = new RawClient(proxy.port())) {
      String lines = "hello\n\nw\u00c3\u00b6rld\n"; // the bytes of UTF-8
      assertThat(client.sends(lines).receives(lines.length())).isEqualTo(lines);
      client.leaves();
      expectEnd(proxy);
      expectEnd(server);
    }
  }

  @Test
  void answersComeAfterTheEndOfTheClient() throws Exception {
    try (ServerSocket listener = listen();
        Program proxy = proxy(listener.getLocalPort());
        RawClient client = new RawClient(proxy.port());
        Socket far = accept(listener)) {
      client.sends("question\n").endsOutput();
      assertThat(receiveFrame(far)).isEqualTo("question");
      assertThat(far.getInputStream().read()).isEqualTo(-1); // passed on before any answer
      sendFrame(far, "answer");
      sendFrame(far, "another");
      far.shutdownOutput();
      assertThat(client.receivesAll()).isEqualTo("answer\nanother\n");
      expectEnd(proxy);
    }
  }

  @Test
  void linesArriveAfterTheEndOfTheServer() throws Exception {
    try (ServerSocket listener = listen();
        Program proxy = proxy(listener.getLocalPort());
        RawClient client = new RawClient(proxy.port());
        Socket far = accept(listener)) {
      sendFrame(far, "no more questions");
      far.shutdownOutput();
      assertThat(client.receivesAll()).isEqualTo("no more questions\n");
      client.sends("still here\n");
      assertThat(receiveFrame(far)).isEqualTo("still here");
      client.leaves();
      assertThat(far.getInputStream().read()).isEqualTo(-1);
      expectEnd(proxy);
    }
  }

  @Test
  void resetOfAClientIsPassedOnAsAnEnd() throws Exception {
    try (ServerSocket listener = listen();
        Program proxy = proxy(listener.getLocalPort());
        RawPeer client = RawPeer.connect(address(proxy.port()));
        Socket far = accept(listener)) {
      client.reset();
      assertThat(far.getInputStream().read()).isEqualTo(-1);
      expectEnd(proxy);
    }
  }

  @Test
  void textWithALineBreakClosesBothSides() throws Exception {
    try (ServerSocket listener = listen();
        Program proxy = proxy(listener.getLocalPort());
        RawClient client = new RawClient(proxy.port());
        Socket far = accept(listener)) {
      sendFrame(far, "one line");
      assertThat(client.receivesLine()).isEqualTo("one line");
      sendFrame(far, "two\nlines");
      assertThat(client.receivesAll()).isEmpty();
      assertThat(far.getInputStream().read()).isEqualTo(-1);
      assertThat(proxy.terminate().exitStatus()).isZero();
      assertThat(proxy.errors()).anyMatch(line -> line.contains("line break"));
    }
  }

  @Test
  void clientIsClosedIfThereIsNoServer() throws Exception {
    int free;
    try (ServerSocket listener = listen()) {
      free = listener.getLocalPort();
    }
    try (Program proxy = proxy(free);
        RawClient client = new RawClient(proxy.port())) {
      assertThat(client.receivesAll()).isEmpty();
      expectEnd(proxy);
    }
  }

  // Slow readers.

  /** Writes until nothing more is taken for a second. */
  private static void writeUntilStalled(SocketChannel channel, ByteBuffer bytes)
      throws IOException {
    channel.configureBlocking(false);
    try (Selector selector = Selector.open()) {
      channel.register(selector, SelectionKey.OP_WRITE);
      while (bytes.hasRemaining() && (channel.write(bytes) > 0 || selector.select(1_000) > 0)) {
        selector.selectedKeys().clear();
      }
    }
    channel.configureBlocking(true);
  }

  private static CompletableFuture<Void> writeRest(SocketChannel channel, ByteBuffer bytes) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            while (bytes.hasRemaining()) {
              channel.write(bytes);
            }
            channel.shutdownOutput();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static String text(int i) {
    String number = String.valueOf(i);
    return number + ".".repeat(TEXT_BYTES - number.length());
  }

  private static byte[] lines() {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < TEXTS; i++) {
      lines.append(text(i)).append('\n');
    }
    return lines.toString().getBytes(ISO_8859_1);
  }

  private static byte[] frames() {
    ByteBuffer frames = ByteBuffer.allocate(TEXTS * (4 + TEXT_BYTES));
    for (int i = 0; i < TEXTS; i++) {
      frames.putInt(TEXT_BYTES).put(text(i).getBytes(ISO_8859_1));
    }
    return frames.array();
  }

  /** Returns the output that waits in the proxy for its clients, in bytes. */
  private static long pendingBytes(String metrics) throws Exception {
    String page =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(URI.create(metrics)).build(),
                HttpResponse.BodyHandlers.ofString())
            .body();
    Matcher meter = Pattern.compile("(?m)^jev_bytes_pending_bytes\\{.*} (.+)$").matcher(page);
    assertThat(meter.find()).as(page).isTrue();
    return (long) Double.parseDouble(meter.group(1));
  }

  @Test
  void slowClientStopsReadingFromTheServer() throws Exception {
    try (ServerSocketChannel listener = ServerSocketChannel.open().bind(address(0));
        Program proxy = proxy(listener.socket().getLocalPort(), "--metrics", "0")) {
      String metrics = proxy.line().substring("metrics on ".length());
      try (Socket client = new Socket()) {
        client.setReceiveBufferSize(RECEIVE_BUFFER);
        client.setSoTimeout(30_000);
        client.connect(address(proxy.port()));
        try (SocketChannel far = listener.accept()) {
          ByteBuffer frames = ByteBuffer.wrap(frames());
          Eventually.holds(
              "more than the low watermark",
              () -> {
                writeUntilStalled(far, frames);
                return pendingBytes(metrics) > 64 * 1024; // or the proxy has paused by itself
              });
          assertThat(frames.position()).isLessThan(MAX_BUFFERED);
          assertThat(pendingBytes(metrics)).isLessThan(2 * 256 * 1024); // the high one, and a read
          CompletableFuture<Void> written = writeRest(far, frames);
          assertThat(client.getInputStream().readAllBytes()).isEqualTo(lines());
          written.get(60, TimeUnit.SECONDS);
        }
      }
      expectEnd(proxy);
    }
  }

  @Test
  void slowServerStopsReadingFromTheClient() throws Exception {
    try (ServerSocketChannel listener = ServerSocketChannel.open()) {
      listener.setOption(StandardSocketOptions.SO_RCVBUF, RECEIVE_BUFFER);
      listener.bind(address(0));
      try (Program proxy = proxy(listener.socket().getLocalPort());
          SocketChannel client = SocketChannel.open(address(proxy.port()));
          SocketChannel far = listener.accept()) {
        ByteBuffer lines = ByteBuffer.wrap(lines());
        writeUntilStalled(client, lines);
        assertThat(lines.position()).isLessThan(MAX_BUFFERED);
        // More than 1 MiB would be too much output, and close the connection.
        CompletableFuture<Void> written = writeRest(client, lines);
        assertThat(far.socket().getInputStream().readAllBytes()).isEqualTo(frames());
        written.get(60, TimeUnit.SECONDS);
        far.shutdownOutput();
        expectEnd(proxy);
      }
    }
  }
}
