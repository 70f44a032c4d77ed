package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.Server;
import dev.jev.codec.FirstBytes;
import dev.jev.codec.LengthField;
import dev.jev.codec.Multiplexer;
import dev.jev.codec.Protocols;
import dev.jev.test.Hex;
import dev.jev.test.ProtocolContract;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.HexFormat;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Runs the code of docs/protocols.md: each of its Java blocks is a region of this class. */
class ProtocolGuideTest {

  // region protocol
  /** A note; the reply to it has the same id. */
  record Note(int id, String text) {}

  /** Notes as bytes: an id (4 bytes), the length of the text (2 bytes), the text in UTF-8. */
  static final class NoteProtocol implements Protocol<Note, Note> {

    private static final int HEADER_BYTES = 6;
    private static final int MAX_TEXT_BYTES = 1024;

    @Override
    public @Nullable Note unpack(ProtocolContext context, ByteBuf in) {
      if (in.readableBytes() < HEADER_BYTES) {
        return null;
      }
      int length = in.getUnsignedShort(in.readerIndex() + 4); // consumes nothing
      if (length > MAX_TEXT_BYTES) {
        throw new ProtocolException("text: " + length + " bytes (expected: <= 1024)");
      }
      if (in.readableBytes() < HEADER_BYTES + length) {
        return null;
      }
      int id = in.readInt();
      in.skipBytes(2);
      return new Note(id, in.readCharSequence(length, UTF_8).toString());
    }

    @Override
    public void pack(Note note, ByteBuf out) {
      int length = ByteBufUtil.utf8Bytes(note.text());
      if (length > MAX_TEXT_BYTES) {
        throw new IllegalArgumentException("text: " + length + " bytes (expected: <= 1024)");
      }
      out.writeInt(note.id()).writeShort(length);
      ByteBufUtil.writeUtf8(out, note.text());
    }
  }

  // endregion

  // region server
  static Server start(String uri) {
    Handler<Note, Note> shout =
        Handler.replying(note -> new Note(note.id(), note.text().toUpperCase(Locale.ROOT)));
    return Server.builder(NoteProtocol::new, shout).listen(uri).start();
  }

  // endregion

  // region numbering
  /** Numbers the notes of its connection. */
  static final class Numbering implements Handler<Note, Note> {

    private int notes;

    @Override
    public void onMessage(Connection<Note> connection, Note note) {
      connection.send(new Note(++notes, note.text()));
    }
  }

  static Server startNumbering(String uri) {
    Handler<Note, Note> handler = Handler.perConnection(connection -> new Numbering());
    return Server.builder(NoteProtocol::new, handler).listen(uri).start();
  }

  // endregion

  // region magic
  /** The bytes ca fe 01, four bytes of length, and a payload, which is the message. */
  static Protocol<ByteBuf, ByteBuf> magicFrames() {
    return Protocols.lengthField(LengthField.ofBytes(4).header(0xCA, 0xFE, 1).strip(7));
  }

  // endregion

  // region map
  static Supplier<Protocol<Note, Note>> mappedNotes() {
    return Protocols.mapped(
        Protocols::lengthPrefixed, ProtocolGuideTest::decode, ProtocolGuideTest::encode);
  }

  static Note decode(ByteBuf payload) {
    return new Note(payload.readInt(), payload.toString(UTF_8));
  }

  static ByteBuf encode(Note note) {
    return Unpooled.buffer().writeInt(note.id()).writeBytes(note.text().getBytes(UTF_8));
  }

  // endregion

  // region handshake
  /**
   * Notes after a greeting. The client sends a one-byte version, the server replies with its own.
   */
  static final class GreetedNotes implements Protocol<Note, Note> {

    private static final int VERSION = 1;
    private final NoteProtocol notes = new NoteProtocol();

    @Override
    public void open(ProtocolContext context) {} // not ready yet, so no onConnect

    @Override
    public @Nullable Note unpack(ProtocolContext context, ByteBuf in) {
      if (context.isReady()) {
        return notes.unpack(context, in);
      }
      int version = in.readByte();
      if (version != VERSION) {
        throw new ProtocolException("version: " + version + " (expected: 1)");
      }
      context.write(in.alloc().buffer(1).writeByte(VERSION));
      context.ready();
      return null;
    }

    @Override
    public void pack(Note note, ByteBuf out) {
      notes.pack(note, out);
    }
  }

  // endregion

  // region port
  static Server startOnePort(String uri) {
    Handler<String, String> echo = Connection::send;
    Multiplexer port =
        Multiplexer.builder()
            .when(FirstBytes.of((byte) 1), GreetedNotes::new, Handler.replying(note -> note))
            .otherwise(Protocols::lines, echo)
            .build();
    return Server.builder(port::protocol, port.handler()).listen(uri).start();
  }

  // endregion

  // region contract
  @TestFactory
  Stream<DynamicTest> noteProtocolKeepsTheContract() {
    return ProtocolContract.of(NoteProtocol::new)
        .message(new Note(1, "hello"))
        .message(new Note(-1, ""))
        .wire("00000007 0003 e282ac", new Note(7, "€"))
        .refused("00000007 0401", "text: 1025 bytes (expected: <= 1024)")
        .tests();
  }

  // endregion

  @TestFactory
  Stream<DynamicTest> mappedNotesKeepTheContract() {
    return ProtocolContract.of(mappedNotes())
        .message(new Note(1, "hello"))
        .wire("00000007 00000007 e282ac", new Note(7, "€"))
        .refused("00000003 000000", "decoded message: java.lang.IndexOutOfBounds")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> greetedNotesKeepTheContract() {
    return ProtocolContract.of(GreetedNotes::new)
        .opening((byte) 1)
        .message(new Note(1, "hello"))
        .wire("00000007 0003 e282ac", new Note(7, "€"))
        .tests();
  }

  /** Sends bytes, shuts down the output, and returns all bytes received. */
  private static String exchange(Server server, String hex) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(Hex.bytes(hex));
      socket.shutdownOutput();
      return HexFormat.of().formatHex(socket.getInputStream().readAllBytes());
    }
  }

  @Test
  void notesAreAnswered() throws IOException {
    try (Server server = start("tcp://127.0.0.1:0")) {
      assertThat(exchange(server, "00000007 0002 6869 00000008 0000"))
          .isEqualTo("0000000700024849" + "000000080000");
    }
  }

  @Test
  void eachConnectionHasANumberingOfItsOwn() throws IOException {
    try (Server server = startNumbering("tcp://127.0.0.1:0")) {
      for (int connection = 0; connection < 2; connection++) {
        assertThat(exchange(server, "00000007 0001 61 00000007 0001 62"))
            .isEqualTo("00000001000161" + "00000002000162");
      }
    }
  }

  @Test
  void framesWithAMagicNumberAreAnswered() throws IOException {
    try (Server server =
        Server.builder(ProtocolGuideTest::magicFrames, Connection<ByteBuf>::send)
            .listen("tcp://127.0.0.1:0")
            .start()) {
      assertThat(exchange(server, "cafe01 00000002 6869")).isEqualTo("cafe01000000026869");
      assertThat(exchange(server, "474554")).isEmpty();
    }
  }

  @Test
  void onePortServesNotesAndLines() throws IOException {
    try (Server server = startOnePort("tcp://127.0.0.1:0")) {
      assertThat(exchange(server, "01 00000007 0002 6869")).isEqualTo("01" + "0000000700026869");
      assertThat(exchange(server, "6869 0a")).isEqualTo("68690a");
    }
  }

  @Test
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("docs/protocols.md", ProtocolGuideTest.class);
  }
}
