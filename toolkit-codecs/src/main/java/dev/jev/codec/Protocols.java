package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.google.protobuf.Message;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import dev.jev.Protocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.charset.Charset;
import java.util.function.Supplier;
import org.msgpack.value.Value;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The protocols of every day, one factory each.
 *
 * <p>A factory is a server's first argument as it stands: {@code
 * Server.builder(Protocols::lengthPrefixed, handler)}.
 */
public final class Protocols {

  private Protocols() {}

  /**
   * Bytes as they come: what one read brought is one message, and nothing is added to what is sent.
   *
   * <p>Where one message ends and the next begins means nothing; a stream may be cut anywhere.
   */
  public static Protocol<ByteBuf, ByteBuf> bytes() {
    return BytesProtocol.INSTANCE;
  }

  /**
   * Lines of UTF-8, as long as the server's {@code maxFrameBytes} (1 MiB by default) allows, see
   * {@link #lines(Charset, int)}.
   */
  public static Protocol<String, String> lines() {
    return lines(UTF_8, Integer.MAX_VALUE);
  }

  /**
   * Lines of text: {@code \n} and {@code \r\n} end one that comes in, {@code \n} is written behind
   * one that goes out, and neither is part of the message.
   *
   * <p>Bytes that stand for no text in the charset are refused, nothing is replaced silently; so is
   * a line as soon as it is too long. A message cannot be packed if it has a {@code \n}, or a
   * {@code \r} at its end, or a character that the charset lacks.
   *
   * @param charset one in which {@code \n} is the byte 0x0A, as in UTF-8, US-ASCII, ISO-8859-1 and
   *     most others, but not in UTF-16
   * @param maxBytes the longest line that may come in, with its end; the server's {@code
   *     maxFrameBytes} holds if it is lower
   * @throws IllegalArgumentException if {@code charset} is another one, or {@code maxBytes < 1}
   */
  public static Protocol<String, String> lines(Charset charset, int maxBytes) {
    return new LinesProtocol(charset, maxBytes);
  }

  /**
   * Frames with a delimiter behind each: one or several sequences of bytes.
   *
   * <p>The delimiter that ends first ends the frame, and of two that end together the longer. It is
   * left out of the message unless it is {@link Delimiters#kept}. A frame is refused as soon as it
   * is longer than {@link Delimiters#maxFrameBytes} or the server's {@code maxFrameBytes}.
   *
   * <p>Behind a message the first delimiter is written; if delimiters are kept, the message has to
   * end with one. A message that would arrive as several, or as another one, cannot be packed:
   * otherwise who chooses a part of a message could forge the next one. To find that out each
   * message is searched, which costs about as much as to search what comes in.
   */
  public static Protocol<ByteBuf, ByteBuf> delimited(Delimiters delimiters) {
    return new DelimitedProtocol(delimiters);
  }

  /**
   * Frames of {@code bytes} bytes each.
   *
   * <p>A message of another length cannot be packed. A server whose {@code maxFrameBytes} is lower
   * refuses all that comes in.
   *
   * @throws IllegalArgumentException if {@code bytes < 1}
   */
  public static Protocol<ByteBuf, ByteBuf> fixedLength(int bytes) {
    return new FixedLengthProtocol(bytes);
  }

  /**
   * Frames of a four-byte length, big-endian, and as many bytes of payload.
   *
   * <p>The length does not count its own four bytes. An empty payload is a message. A negative
   * length, and a frame longer than the server's {@code maxFrameBytes} (1 MiB by default, with the
   * four bytes), is refused as soon as the length has arrived.
   */
  public static Protocol<ByteBuf, ByteBuf> lengthPrefixed() {
    return LengthPrefixedProtocol.INSTANCE;
  }

  /**
   * Frames in which a field says how long they are; {@link #lengthPrefixed} is the common case.
   *
   * <p>A negative length, one that ends the frame before its field ends or before all is there that
   * is to be stripped, and a frame longer than {@link LengthField#maxFrameBytes} or the server's
   * {@code maxFrameBytes}, is refused as soon as the field has arrived.
   *
   * <p>What comes in can be sent: if nothing is stripped, a message is a whole frame, and cannot be
   * packed if its length field says otherwise; if the length is all that stands before the payload,
   * and just that is stripped, a message is the payload, and cannot be packed if the field is too
   * narrow for its length. With any other {@link LengthField#strip} nothing can be packed, since
   * nobody knows the bytes that were stripped.
   */
  public static Protocol<ByteBuf, ByteBuf> lengthField(LengthField field) {
    return new LengthFieldProtocol(field);
  }

  /**
   * Texts in the frames of another protocol, such as {@code strings(lengthPrefixed(), UTF_8)}.
   *
   * <p>Bytes that stand for no text in the charset are refused, nothing is replaced silently. A
   * message with a character that the charset lacks cannot be packed.
   *
   * @param frames a protocol of this connection's own
   * @throws IllegalArgumentException if {@code charset} can only be decoded
   */
  public static Protocol<String, String> strings(
      Protocol<ByteBuf, ByteBuf> frames, Charset charset) {
    return new StringsProtocol(frames, charset);
  }

  /**
   * Byte arrays in the frames of another protocol, for who does not want to care about buffers.
   *
   * <p><b>Ownership.</b> An array that comes in is the handler's; one that goes out must not change
   * until it was sent.
   *
   * @param frames a protocol of this connection's own
   */
  public static Protocol<byte[], byte[]> byteArrays(Protocol<ByteBuf, ByteBuf> frames) {
    return frames.map(ByteBufUtil::getBytes, (byte[] bytes) -> Unpooled.wrappedBuffer(bytes));
  }

  /**
   * The server's side of RESP, the protocol of Redis, with pipelining and inline commands.
   *
   * <p>Values of RESP3 are sent as such to every peer: which version one has asked for, with a
   * {@code HELLO}, is the handler's to remember, see {@link RespValue#toResp2}.
   *
   * <p>Malformed input is answered in Redis' own words and closes the connection. A command has at
   * most 1,048,576 arguments, and at most the server's {@code maxFrameBytes} (1 MiB by default) all
   * in all; an inline command has at most 64 KiB.
   */
  public static Protocol<RespCommand, RespValue> resp() {
    return new RespProtocol();
  }

  /**
   * The client's side of RESP, the protocol of Redis: commands go out, values of RESP2 and RESP3
   * come in, streamed ones too, when they are whole.
   *
   * <p>A server sends RESP3 when it was asked to by {@code HELLO 3}. From then on a {@link
   * RespValue.Push} may stand between any two replies.
   *
   * <p>Malformed input closes the connection. A reply has at most the client's {@code
   * maxFrameBytes} (1 MiB by default) all in all, and values within each other at most 32 deep; a
   * bulk has at most 512 MiB, an array or set or push 1,048,576 elements, a map half as many pairs,
   * a simple string, an error or a number 64 KiB, and a big number 4,096 digits.
   */
  public static Protocol<RespValue, RespCommand> respClient() {
    return new RespClientProtocol();
  }

  /**
   * Frames of a length as a base-128 varint, as Protocol Buffers delimit messages, and as many
   * bytes of payload.
   *
   * <p>The length does not count its own bytes. An empty payload is a message. A length has at most
   * five bytes; one of more, and a frame longer than the server's {@code maxFrameBytes} (1 MiB by
   * default, with the length's bytes), is refused as soon as the length has arrived. A length may
   * have more bytes than it needs, but not more than 32 bits.
   */
  public static Protocol<ByteBuf, ByteBuf> varintPrefixed() {
    return VarintPrefixedProtocol.INSTANCE;
  }

  /**
   * Protocol Buffers messages, each behind its length as in {@link #varintPrefixed}: what {@code
   * writeDelimitedTo} writes and {@code parseDelimitedFrom} reads in all languages.
   *
   * <p>Messages of one type come in, those of any type may go out. A message that is not
   * well-formed, lacks a required field, or has more than 100 messages in each other, is refused
   * with protobuf's own exception as the cause. Needs {@code com.google.protobuf:protobuf-java},
   * which Jev does not bring along.
   *
   * @param parser that of the messages that come in, such as {@code Ping.parser()}
   */
  public static <I extends MessageLite, O extends MessageLite> Protocol<I, O> protobuf(
      Parser<I> parser) {
    return new ProtobufProtocol<>(requireNonNull(parser, "parser"));
  }

  /**
   * Protocol Buffers messages of several types, each in a {@code google.protobuf.Any} behind its
   * length as in {@link #varintPrefixed}.
   *
   * <p>The type's name is what stands behind the last slash of the {@code type_url}; what goes out
   * has {@code type.googleapis.com/} before it. A type that is not registered is refused, in either
   * direction; otherwise as {@link #protobuf(Parser)}.
   */
  public static Protocol<Message, Message> protobuf(ProtobufTypes types) {
    return new AnyProtocol(requireNonNull(types, "types"));
  }

  /**
   * Protocol Buffers messages of several types in the envelope of gev's protobuf plugin: four bytes
   * with the length of the rest, two with that of the type's name, the name, the message; numbers
   * are big-endian.
   *
   * <p>Lengths that contradict each other, and a frame longer than the server's {@code
   * maxFrameBytes} (1 MiB by default, with everything), are refused as soon as they have arrived;
   * otherwise as {@link #protobuf(ProtobufTypes)}.
   *
   * @param types with the names of the peer's choice, see {@link ProtobufTypes#with}
   */
  public static Protocol<Message, Message> gevProtobuf(ProtobufTypes types) {
    return new GevProtobufProtocol(requireNonNull(types, "types"));
  }

  /**
   * JSON texts, one a line, as objects of the user's: <a href="https://jsonlines.org">JSON
   * Lines</a>, also called NDJSON.
   *
   * <p>Lines end with {@code \n} or {@code \r\n}; {@code \n} is written. Blank lines, of nothing or
   * white space only, are skipped, as NDJSON allows. Refused are, with Jackson's own exception as
   * the cause: what is not JSON, or more than one text; what breaks the constraints of the mapper's
   * factory, such as 500 levels by default; and what does not make a {@code type}. A line longer
   * than the server's {@code maxFrameBytes} (1 MiB by default, with its end) is refused, too, and
   * so is {@code null} where Jackson makes a null of it. Whatever the mapper can write may go out,
   * not indented, unless raw JSON in it has a line break. Needs {@code
   * tools.jackson.core:jackson-databind}, which Jev does not bring along.
   *
   * @param type the messages that come in
   */
  public static <I, O> Protocol<I, O> jsonLines(JsonMapper mapper, Class<I> type) {
    return new JsonLinesProtocol<>(requireNonNull(mapper, "mapper"), requireNonNull(type, "type"));
  }

  /**
   * JSON texts, one a line, as trees: {@link #jsonLines(JsonMapper, Class)} with Jackson's
   * defaults.
   *
   * @throws IllegalStateException if {@code tools.jackson.core:jackson-databind}, which Jev does
   *     not bring along, is missing
   */
  public static Protocol<JsonNode, JsonNode> jsonLines() {
    return needing("tools.jackson.core:jackson-databind", () -> JsonLinesProtocol.ofTrees());
  }

  /**
   * MessagePack values, one after the other.
   *
   * <p>A value may be as long as the server's {@code maxFrameBytes} (1 MiB by default), and have
   * arrays and maps in each other 100 levels deep. A longer one is refused as soon as the sizes it
   * declares show it.
   *
   * @throws IllegalStateException if {@code org.msgpack:msgpack-core}, which Jev does not bring
   *     along, is missing
   */
  public static Protocol<Value, Value> messagePack() {
    return needing("org.msgpack:msgpack-core", () -> new MessagePackProtocol());
  }

  /** Not for references to methods: they would be linked, and fail, before this is called. */
  private static <T> T needing(String dependency, Supplier<T> factory) {
    try {
      return factory.get();
    } catch (NoClassDefFoundError e) {
      throw new IllegalStateException(
          "protocol: not available (expected: " + dependency + " on the class path)", e);
    }
  }
}
