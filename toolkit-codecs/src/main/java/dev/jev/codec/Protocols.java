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
import java.util.function.Function;
import java.util.function.Supplier;
import org.msgpack.value.Value;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Factories for common protocols.
 *
 * <p>A server takes a factory as its first argument: {@code
 * Server.builder(Protocols::lengthPrefixed, handler)}.
 */
public final class Protocols {

  private Protocols() {}

  /**
   * Returns a protocol without framing: the bytes of one read are one message, and sent bytes are
   * written unchanged.
   *
   * <p>Message boundaries have no meaning; the stream may be split anywhere.
   */
  public static Protocol<ByteBuf, ByteBuf> bytes() {
    return BytesProtocol.INSTANCE;
  }

  /**
   * Returns a protocol of UTF-8 lines, which are limited only by the server's {@code maxFrameBytes}
   * (1 MiB by default); see {@link #lines(Charset, int)}.
   */
  public static Protocol<String, String> lines() {
    return lines(UTF_8, Integer.MAX_VALUE);
  }

  /**
   * Returns a protocol of text lines. An inbound line ends with {@code \n} or {@code \r\n}, an
   * outbound line with {@code \n}; the line end is not part of the message.
   *
   * <p>Any line is a message, also one of an HTTP request that a web page makes a browser send; see
   * {@link FirstBytes#http}.
   *
   * <p>Bytes that are malformed in the charset are refused; nothing is replaced silently. A line is
   * refused as soon as it is too long. A message cannot be packed if it contains {@code \n}, ends
   * with {@code \r}, or has a character that the charset cannot encode.
   *
   * @param charset a charset in which {@code \n} is the byte 0x0A, as in UTF-8, US-ASCII,
   *     ISO-8859-1 and most others, but not in UTF-16
   * @param maxBytes the maximum length of an inbound line in bytes, including its line end; the
   *     server's {@code maxFrameBytes} applies if it is lower
   * @throws IllegalArgumentException if {@code \n} is another byte in {@code charset}, if {@code
   *     charset} cannot encode, or if {@code maxBytes < 1}
   */
  public static Protocol<String, String> lines(Charset charset, int maxBytes) {
    return new LinesProtocol(charset, maxBytes);
  }

  /**
   * Returns a protocol of frames that each end with one of the given delimiters.
   *
   * <p>The delimiter that ends first ends the frame; of two that end at the same byte, the longer
   * one does. The delimiter is stripped from the message unless it is {@link Delimiters#kept}. A
   * frame is refused as soon as it is longer than {@link Delimiters#maxFrameBytes} or the server's
   * {@code maxFrameBytes}.
   *
   * <p>The first delimiter is appended to each outbound message. If delimiters are kept, an
   * outbound message must end with a delimiter instead. A message that the peer would receive as
   * several messages, or as a different one, cannot be packed; otherwise, untrusted content of one
   * message could forge the next. For this check each outbound message is searched, which costs
   * about as much as searching the inbound bytes.
   */
  public static Protocol<ByteBuf, ByteBuf> delimited(Delimiters delimiters) {
    return new DelimitedProtocol(delimiters);
  }

  /**
   * Returns a protocol of frames of exactly {@code bytes} bytes.
   *
   * <p>A message of another length cannot be packed. A server whose {@code maxFrameBytes} is lower
   * refuses all input.
   *
   * @throws IllegalArgumentException if {@code bytes < 1}
   */
  public static Protocol<ByteBuf, ByteBuf> fixedLength(int bytes) {
    return new FixedLengthProtocol(bytes);
  }

  /**
   * Returns a protocol of frames that consist of a four-byte big-endian length and a payload of
   * that length.
   *
   * <p>The length does not include its own four bytes. An empty payload is a message. A negative
   * length, or a frame longer than the server's {@code maxFrameBytes} (1 MiB by default, including
   * the four bytes), is refused as soon as the length has arrived.
   */
  public static Protocol<ByteBuf, ByteBuf> lengthPrefixed() {
    return LengthPrefixedProtocol.INSTANCE;
  }

  /**
   * Returns a protocol of frames with a length field; {@link #lengthPrefixed} is the common case.
   *
   * <p>A frame is refused as soon as its length field has arrived if the length is negative, if the
   * frame would end before the end of the field or of the bytes to be stripped, or if the frame is
   * longer than {@link LengthField#maxFrameBytes} or the server's {@code maxFrameBytes}.
   *
   * <p>Outbound messages have the same form as inbound ones. If nothing is stripped, a message is a
   * whole frame; it cannot be packed if its length field contradicts its length. If everything up
   * to the end of the field is stripped, and {@link LengthField#header} has all bytes before the
   * field, a message is the payload; it cannot be packed if its length does not fit the field.
   * Bytes of the header may be stripped alone, too. Any other bytes would be unknown when a message
   * is packed.
   *
   * @throws IllegalArgumentException if {@link LengthField#strip} strips bytes that are unknown
   *     when a message is packed, unless the field is {@link LengthField#inboundOnly}. As the
   *     protocol of a server, it then fails at {@code start}
   */
  public static Protocol<ByteBuf, ByteBuf> lengthField(LengthField field) {
    return new LengthFieldProtocol(field);
  }

  /**
   * Returns a protocol of strings in the frames of another protocol, such as {@code
   * strings(lengthPrefixed(), UTF_8)}.
   *
   * <p>Bytes that are malformed in the charset are refused; nothing is replaced silently. A message
   * with a character that the charset cannot encode cannot be packed.
   *
   * @param frames the protocol of the frames, created for this connection
   * @throws IllegalArgumentException if {@code charset} cannot encode
   */
  public static Protocol<String, String> strings(
      Protocol<ByteBuf, ByteBuf> frames, Charset charset) {
    return new StringsProtocol(frames, charset);
  }

  /**
   * Returns a protocol of byte arrays in the frames of another protocol, for handlers that do not
   * work with buffers.
   *
   * <p><b>Ownership.</b> An inbound array belongs to the handler. An outbound array must not be
   * modified until it has been sent.
   *
   * @param frames the protocol of the frames, created for this connection
   */
  public static Protocol<byte[], byte[]> byteArrays(Protocol<ByteBuf, ByteBuf> frames) {
    return frames.map(ByteBufUtil::getBytes, (byte[] bytes) -> Unpooled.wrappedBuffer(bytes));
  }

  /**
   * Returns the server side of RESP, the protocol of Redis, with pipelining and inline commands.
   *
   * <p>RESP3 values are sent as such to every peer. The handler has to remember which version a
   * peer has requested with {@code HELLO}; see {@link RespValue#toResp2}.
   *
   * <p>Malformed input is answered with the error text of Redis and closes the connection. A
   * command has at most 1,048,576 arguments, and at most the server's {@code maxFrameBytes} (1 MiB
   * by default) in total; an inline command has at most 64 KiB.
   *
   * <p>An inline command {@code POST} or {@code Host:} closes the connection, as with Redis: the
   * peer is a browser, and what follows are the words of a web page. A command in the usual form
   * may have any name.
   */
  public static Protocol<RespCommand, RespValue> resp() {
    return new RespProtocol();
  }

  /**
   * Returns the client side of RESP, the protocol of Redis. Outbound messages are commands; inbound
   * messages are values of RESP2 and RESP3. A streamed value is delivered when it is complete.
   *
   * <p>A server sends RESP3 after the client has requested it with {@code HELLO 3}. From then on a
   * {@link RespValue.Push} may arrive between any two replies.
   *
   * <p>Malformed input closes the connection. A reply has at most the client's {@code
   * maxFrameBytes} (1 MiB by default) in total, and at most 32 levels of nested values. A bulk
   * string has at most 512 MiB; an array, set or push at most 1,048,576 elements; a map at most
   * half as many pairs; a simple string, an error or a number at most 64 KiB; and a big number at
   * most 1,024 digits.
   */
  public static Protocol<RespValue, RespCommand> respClient() {
    return new RespClientProtocol();
  }

  /**
   * Returns a protocol of frames that consist of a length as a base-128 varint and a payload of
   * that length, as delimited messages of Protocol Buffers do.
   *
   * <p>The length does not include its own bytes. An empty payload is a message. A length of more
   * than five bytes, or a frame longer than the server's {@code maxFrameBytes} (1 MiB by default,
   * including the bytes of the length), is refused as soon as the length has arrived. A length may
   * be encoded in more bytes than it needs, but must fit in 32 bits.
   */
  public static Protocol<ByteBuf, ByteBuf> varintPrefixed() {
    return VarintPrefixedProtocol.INSTANCE;
  }

  /**
   * Returns a protocol of Protocol Buffers messages, each preceded by its length as in {@link
   * #varintPrefixed}. This is the format that {@code writeDelimitedTo} writes and {@code
   * parseDelimitedFrom} reads in all languages.
   *
   * <p>Inbound messages have one type; outbound messages may have any type. A message that is not
   * well-formed, lacks a required field, or has more than 100 levels of nested messages is refused,
   * with protobuf's own exception as the cause. Requires {@code com.google.protobuf:protobuf-java},
   * an optional dependency.
   *
   * @param parser the parser of the inbound messages, such as {@code Ping.parser()}
   */
  @SuppressWarnings("exports") // of an optional module
  public static <I extends MessageLite, O extends MessageLite> Protocol<I, O> protobuf(
      Parser<I> parser) {
    return new ProtobufProtocol<>(requireNonNull(parser, "parser"));
  }

  /**
   * Returns a protocol of Protocol Buffers messages of several types, each in a {@code
   * google.protobuf.Any} preceded by its length as in {@link #varintPrefixed}.
   *
   * <p>The name of the type is the part of the {@code type_url} after the last slash; in outbound
   * messages {@code type.googleapis.com/} precedes it. A type that is not registered is refused in
   * both directions. Everything else is as in {@link #protobuf(Parser)}.
   */
  @SuppressWarnings("exports") // of an optional module
  public static Protocol<Message, Message> protobuf(ProtobufTypes types) {
    return new AnyProtocol(requireNonNull(types, "types"));
  }

  /**
   * Returns a protocol of Protocol Buffers messages of several types in the envelope of gev's
   * protobuf plugin: four bytes with the length of the rest, two bytes with the length of the type
   * name, the type name, and the message. Numbers are big-endian.
   *
   * <p>Contradictory lengths, and a frame longer than the server's {@code maxFrameBytes} (1 MiB by
   * default, including the envelope), are refused as soon as they have arrived. Everything else is
   * as in {@link #protobuf(ProtobufTypes)}.
   *
   * @param types the types under the names that the peer uses; see {@link ProtobufTypes#with}
   */
  @SuppressWarnings("exports") // of an optional module
  public static Protocol<Message, Message> gevProtobuf(ProtobufTypes types) {
    return new GevProtobufProtocol(requireNonNull(types, "types"));
  }

  /**
   * Returns a protocol of JSON texts, one per line, mapped to objects: <a
   * href="https://jsonlines.org">JSON Lines</a>, also called NDJSON.
   *
   * <p>Lines end with {@code \n} or {@code \r\n}; {@code \n} is written. Blank lines, which are
   * empty or contain only white space, are skipped, as NDJSON allows. A line that is not
   * well-formed UTF-8 is refused, whatever Jackson accepts. A line is also refused, with Jackson's
   * own exception as the cause, if it is not JSON or has more than one text, if it violates the
   * constraints of the mapper's factory (500 levels of nesting by default), or if it cannot be
   * mapped to {@code type}. A line longer than the server's {@code maxFrameBytes} (1 MiB by
   * default, including its line end) is refused as well, and so is {@code null} where Jackson maps
   * it to a null reference. All values that the mapper can write may be sent, except raw JSON with
   * a line break; they are not indented. Requires {@code tools.jackson.core:jackson-databind}, an
   * optional dependency.
   *
   * <p>Jackson keeps the names that it has read in a table, in which peers can make names take up
   * to ten times as long as others. It has none if its factory has {@code
   * CANONICALIZE_PROPERTY_NAMES} disabled.
   *
   * @param type the type of the inbound messages
   */
  @SuppressWarnings("exports") // of an optional module
  public static <I, O> Protocol<I, O> jsonLines(JsonMapper mapper, Class<I> type) {
    return new JsonLinesProtocol<>(requireNonNull(mapper, "mapper"), requireNonNull(type, "type"));
  }

  /**
   * Returns a protocol of JSON texts, one per line, as trees: {@link #jsonLines(JsonMapper, Class)}
   * with Jackson's defaults, but without its table of names.
   *
   * @throws IllegalStateException if {@code tools.jackson.core:jackson-databind}, an optional
   *     dependency, is missing
   */
  @SuppressWarnings("exports") // of an optional module
  public static Protocol<JsonNode, JsonNode> jsonLines() {
    return needing("tools.jackson.core:jackson-databind", () -> JsonLinesProtocol.ofTrees());
  }

  /**
   * Returns a protocol of consecutive MessagePack values. Strings are delivered as their bytes,
   * which need not be UTF-8, as the specification demands; {@code StringValue.asString} throws an
   * exception if they are not.
   *
   * <p>A value has at most the server's {@code maxFrameBytes} (1 MiB by default), and at most 100
   * levels of nested arrays and maps. A longer value is refused as soon as its declared sizes
   * exceed the limit.
   *
   * @throws IllegalStateException if {@code org.msgpack:msgpack-core}, an optional dependency, is
   *     missing
   */
  @SuppressWarnings("exports") // of an optional module
  public static Protocol<Value, Value> messagePack() {
    return needing("org.msgpack:msgpack-core", () -> new MessagePackProtocol());
  }

  /**
   * Returns a factory of protocols with other message types, for {@code Server.builder}: {@code
   * mapped(Protocols::lengthPrefixed, Note::of, Note::bytes)}.
   *
   * <p>Each protocol of the factory is mapped as {@link Protocol#map} does, with these two function
   * objects. So all connections share the encoding, and a message of a {@code Topic} is encoded
   * once. With {@code () -> lengthPrefixed().map(decode, encode)}, where {@code encode} is a lambda
   * that uses a variable, each connection has a function object of its own, and the message is
   * encoded for each of them.
   *
   * @param protocols the factory of the protocols to convert
   * @param decode converts inbound messages
   * @param encode converts outbound messages; called on any event loop
   */
  public static <I, O, A, B> Supplier<Protocol<A, B>> mapped(
      Supplier<? extends Protocol<I, O>> protocols,
      Function<? super I, ? extends A> decode,
      Function<? super B, ? extends O> encode) {
    requireNonNull(protocols, "protocols");
    requireNonNull(decode, "decode");
    requireNonNull(encode, "encode");
    return () -> protocols.get().map(decode, encode);
  }

  /**
   * Calls a factory that needs an optional dependency. The factory must be a lambda: a method
   * reference would be linked, and would fail, before this method is called.
   */
  private static <T> T needing(String dependency, Supplier<T> factory) {
    try {
      return factory.get();
    } catch (NoClassDefFoundError e) {
      throw new IllegalStateException(
          "protocol: not available (expected: " + dependency + " on the class path)", e);
    }
  }
}
