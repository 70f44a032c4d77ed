package dev.jev.samples;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.flatbuffers.FlatBufferBuilder;
import com.google.flatbuffers.Table;
import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.ConnectionInfo;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.test.ProtocolContract;
import dev.jev.test.RawPeer;
import dev.jev.test.Recorder;
import dev.jev.test.TestContext;
import dev.jev.test.UnpackLoop;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.dataformat.cbor.CBORMapper;

/** Runs the code of docs/recipes.md: each of its Java blocks is a region of this class. */
@Timeout(60)
class RecipesGuideTest {

  // region cbor
  record Price(String symbol, double value) {}

  static final CBORMapper CBOR = new CBORMapper();

  static Supplier<Protocol<Price, Price>> cbor() {
    return Protocols.mapped(
        () -> Protocols.byteArrays(Protocols.lengthPrefixed()),
        bytes -> CBOR.readValue(bytes, Price.class),
        CBOR::writeValueAsBytes);
  }

  // endregion

  // region flatbuffers
  static Supplier<Protocol<Price, Price>> flatBuffers() {
    return Protocols.mapped(
        Protocols::lengthPrefixed, RecipesGuideTest::ofTable, RecipesGuideTest::toTable);
  }

  static Price ofTable(ByteBuf payload) {
    PriceTable table = PriceTable.getRootAsPriceTable(payload.nioBuffer());
    if (table.symbol() == null) {
      throw new ProtocolException("symbol: none (expected: a text)");
    }
    return new Price(table.symbol(), table.value());
  }

  static ByteBuf toTable(Price price) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int symbol = builder.createString(price.symbol());
    builder.finish(PriceTable.createPriceTable(builder, symbol, price.value()));
    return Unpooled.wrappedBuffer(builder.dataBuffer());
  }

  // endregion

  /**
   * The class that flatc generates for {@code table PriceTable { symbol: string; value: double; }}.
   */
  static final class PriceTable extends Table {

    static PriceTable getRootAsPriceTable(ByteBuffer bytes) {
      bytes.order(LITTLE_ENDIAN);
      PriceTable table = new PriceTable();
      table.__reset(bytes.getInt(bytes.position()) + bytes.position(), bytes);
      return table;
    }

    @Nullable String symbol() {
      int offset = __offset(4);
      return offset == 0 ? null : __string(offset + bb_pos);
    }

    double value() {
      int offset = __offset(6);
      return offset == 0 ? 0 : bb.getDouble(offset + bb_pos);
    }

    static int createPriceTable(FlatBufferBuilder builder, int symbol, double value) {
      builder.startTable(2);
      builder.addDouble(1, value, 0);
      builder.addOffset(0, symbol, 0);
      return builder.endTable();
    }
  }

  // region sbe
  /** Adds up the quantities of orders, which it reads where they lie. */
  static final class Volume implements Handler<ByteBuf, ByteBuf> {

    private final UnsafeBuffer buffer = new UnsafeBuffer(0, 0);
    private final OrderDecoder order = new OrderDecoder();
    private long sum;

    @Override
    public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
      ByteBuffer bytes = message.nioBuffer(); // no copy, so valid until this method returns
      buffer.wrap(bytes, bytes.position(), bytes.remaining());
      order.wrapAndApplyHeader(buffer, 0);
      sum += order.quantity();
      connection.send(Unpooled.buffer().writeLongLE(sum));
    }
  }

  static Server startVolume(String uri) {
    Handler<ByteBuf, ByteBuf> handler = Handler.perConnection(connection -> new Volume());
    return Server.builder(() -> Protocols.lengthPrefixed().mapInbound(OrderDecoder::check), handler)
        .listen(uri)
        .start();
  }

  // endregion

  /** The part of a decoder of SBE that is needed here, for template 7 of schema 1. */
  static final class OrderDecoder {

    private static final int HEADER_BYTES = 8;
    private static final int BLOCK_BYTES = 16;

    private final UnsafeBuffer buffer = new UnsafeBuffer(0, 0);

    static ByteBuf check(ByteBuf message) {
      int template =
          message.readableBytes() < HEADER_BYTES
              ? -1
              : message.getUnsignedShortLE(message.readerIndex() + 2);
      if (template != 7 || message.readableBytes() < HEADER_BYTES + BLOCK_BYTES) {
        throw new ProtocolException("template: " + template + " (expected: 7)");
      }
      return message;
    }

    void wrapAndApplyHeader(UnsafeBuffer message, int offset) {
      buffer.wrap(message, offset + HEADER_BYTES, BLOCK_BYTES);
    }

    long quantity() {
      return buffer.getLong(8, LITTLE_ENDIAN);
    }
  }

  // region handshake
  record Version(int number) {}

  /** Lines, after each end has sent its highest version, such as "TALK 3"; 2 is the lowest one. */
  static final class Talk implements Protocol<String, String> {

    private final Protocol<String, String> lines = Protocols.lines();
    private final int highest;

    Talk(int highest) {
      this.highest = highest;
    }

    @Override
    public void open(ProtocolContext context) { // ready() comes later, and then onConnect
      context.write(Unpooled.copiedBuffer("TALK " + highest + "\n", US_ASCII));
    }

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      if (context.isReady() || in.readableBytes() < 7) {
        return context.isReady() ? lines.unpack(context, in) : null;
      }
      String greeting = in.readCharSequence(7, US_ASCII).toString();
      if (!greeting.matches("TALK [2-9]\n")) {
        context.write(Unpooled.copiedBuffer("ERROR expected: TALK 2..9\n", US_ASCII));
        throw new ProtocolException("greeting: " + greeting.strip() + " (expected: TALK 2..9)");
      }
      int number = Math.min(highest, greeting.charAt(5) - '0');
      context.attribute(Version.class, new Version(number)); // for the handler
      context.ready();
      return null;
    }

    @Override
    public void pack(String line, ByteBuf out) {
      lines.pack(line, out);
    }
  }

  // endregion

  // region files
  /** Sends a file to each client, in parts, and then ends the output. */
  static final class FileSender implements Handler<ByteBuf, ByteBuf> {

    private static final int PART_BYTES = 64 * 1024;
    private final FileChannel file; // shared by all connections: reads have a position
    private long position;

    FileSender(FileChannel file) {
      this.file = file;
    }

    @Override
    public void onConnect(Connection<ByteBuf> connection) {
      sendParts(connection);
    }

    @Override
    public void onWritable(Connection<ByteBuf> connection) {
      sendParts(connection);
    }

    @Override
    public void onMessage(Connection<ByteBuf> connection, ByteBuf ignored) {}

    private void sendParts(Connection<ByteBuf> connection) {
      try {
        while (connection.isWritable()) {
          ByteBuf part = Unpooled.buffer(PART_BYTES);
          int length = part.writeBytes(file, position, PART_BYTES);
          if (length < 0) {
            connection.shutdownOutput(); // behind the last part; not writable from now on
            return;
          }
          position += length;
          connection.send(part);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e); // closes the connection
      }
    }
  }

  static Server startFiles(FileChannel file, Executor readers, String uri) {
    Handler<ByteBuf, ByteBuf> handler = Handler.perConnection(connection -> new FileSender(file));
    return Server.builder(Protocols::bytes, handler.offload(readers)) // reading a file may block
        .listen(uri)
        .start();
  }

  // endregion

  @TestFactory
  Stream<DynamicTest> pricesInCborKeepTheContract() {
    return ProtocolContract.of(cbor())
        .message(new Price("ACME", 42.5))
        .wire(
            "0000001a bf 6673796d626f6c 6141 6576616c7565 fb4000000000000000 ff", new Price("A", 2))
        .refused("00000001 ff", "decoded message: ")
        .refused("00000002 f6f6", "decoded message: ") // a value behind the value
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> pricesInFlatBuffersKeepTheContract() {
    return ProtocolContract.of(flatBuffers())
        .message(new Price("ACME", 42.5))
        .refused("00000004 ffffff7f", "decoded message: ")
        .refused("0000000c 08000000 0400 0400 04000000", "symbol: none (expected: a text)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> talkKeepsTheContract() {
    return ProtocolContract.of(() -> new Talk(3)).message("hello").wire("68690a", "hi").tests();
  }

  @Test
  void quantitiesOfOrdersAreAddedUpWithoutACopy() throws Exception {
    try (Server server = startVolume("tcp://127.0.0.1:0");
        RawPeer peer = RawPeer.connect(server)) {
      String header = "00000018 1000 0700 0100 0000 ";
      peer.write(header + "0100000000000000 0500000000000000")
          .write(header + "0200000000000000 ff00000000000000")
          .expect("00000008 0500000000000000 00000008 0401000000000000")
          .write("00000018 1000 0800 0100 0000 0200000000000000 ff00000000000000")
          .expectEnd(); // another template
    }
  }

  @Test
  void lowerOneOfBothVersionsIsUsed() throws Exception {
    Handler<String, String> handler =
        (connection, line) -> connection.send(line + connection.attribute(Version.class).number());
    try (Server server =
        Server.builder(() -> new Talk(3), handler).listen("tcp://127.0.0.1:0").start()) {
      assertThat(talk(server, "TALK 2\nversion ")).isEqualTo("TALK 3\nversion 2\n");
      assertThat(talk(server, "TALK 9\nversion ")).isEqualTo("TALK 3\nversion 3\n");
      BlockingQueue<String> received = new LinkedBlockingQueue<>();
      try (Client<String> client =
          Client.builder(() -> new Talk(2), (Connection<String> c, String l) -> received.add(l))
              .connect("tcp://127.0.0.1:" + server.port())) {
        client.connected().thenAccept(connection -> connection.send("version "));
        assertThat(received.poll(30, TimeUnit.SECONDS)).isEqualTo("version 2");
      }
    }
  }

  @Test
  void wrongVersionIsRefusedWithAClearError() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server =
        Server.builder(() -> new Talk(3), recorder).listen("tcp://127.0.0.1:0").start()) {
      assertThat(talk(server, "TALK 1\nhello")).isEqualTo("TALK 3\nERROR expected: TALK 2..9\n");
    }
    recorder.expectNothingMore(); // it was never connected
    TestContext context = new TestContext();
    try (var loop = new UnpackLoop<>(new Talk(3), context, line -> {})) {
      loop.open().read("TALK 1\n".getBytes(US_ASCII));
      assertThat(loop.refusal()).hasMessage("greeting: TALK 1 (expected: TALK 2..9)");
    }
  }

  /** Sends a line, ends the output and returns what the server has sent. */
  private static String talk(Server server, String line) throws IOException {
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write((line + "\n").getBytes(US_ASCII)).shutdownOutput();
      return new String(peer.readAll(), US_ASCII);
    }
  }

  @Test
  void fileOfAnySizeIsSentInPartsAsItsClientReads(@TempDir Path directory) throws Exception {
    byte[] content = new byte[20_000_000];
    new Random(1).nextBytes(content);
    Path path = Files.write(directory.resolve("file"), content);
    ExecutorService readers = Executors.newFixedThreadPool(2);
    try (FileChannel file = FileChannel.open(path);
        Server server = startFiles(file, readers, "tcp://127.0.0.1:0")) {
      try (RawPeer slow = RawPeer.connect(server);
          RawPeer fast = RawPeer.connect(server)) {
        Eventually.holds("blocked", () -> pendingBytes(server) > 256 * 1024);
        assertThat(fast.readAll()).isEqualTo(content);
        assertThat(pendingBytes(server)).isBetween(64L * 1024, 512L * 1024);
        assertThat(slow.readAll()).isEqualTo(content);
      }
    } finally {
      readers.shutdown();
    }
  }

  /** Returns the pending output of the connection that has most of it. */
  private static long pendingBytes(Server server) throws Exception {
    return server.connections().list().toCompletableFuture().get(30, TimeUnit.SECONDS).stream()
        .mapToLong(ConnectionInfo::pendingBytes)
        .max()
        .orElse(0);
  }

  @Test
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("docs/recipes.md", RecipesGuideTest.class);
  }
}
