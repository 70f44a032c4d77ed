package dev.jev.benchmarks.codecs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.google.protobuf.Any;
import com.google.protobuf.StringValue;
import dev.jev.Protocol;
import dev.jev.codec.Delimiters;
import dev.jev.codec.LengthField;
import dev.jev.codec.NettyCodec;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespValue;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.FixedLengthFrameDecoder;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.handler.codec.bytes.ByteArrayDecoder;
import io.netty.handler.codec.bytes.ByteArrayEncoder;
import io.netty.handler.codec.json.JsonObjectDecoder;
import io.netty.handler.codec.protobuf.ProtobufDecoder;
import io.netty.handler.codec.protobuf.ProtobufEncoder;
import io.netty.handler.codec.protobuf.ProtobufVarint32FrameDecoder;
import io.netty.handler.codec.protobuf.ProtobufVarint32LengthFieldPrepender;
import io.netty.handler.codec.redis.FullBulkStringRedisMessage;
import io.netty.handler.codec.string.LineEncoder;
import io.netty.handler.codec.string.LineSeparator;
import io.netty.handler.codec.string.StringDecoder;
import io.netty.handler.codec.string.StringEncoder;
import io.netty.util.ReferenceCountUtil;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.msgpack.value.ValueFactory;
import tools.jackson.databind.json.JsonMapper;

/** The codecs of {@link Protocols}, each with Netty's handlers for the same frames. */
@SuppressWarnings("ImmutableEnumChecker") // the functions are stateless
public enum Codec {
  /** No codec: only the slice that both sides make per message that is a buffer. */
  SLICES(SliceProtocol::new, Messages::buffer, null),

  /** The bytes of a read as a message. */
  BYTES(bytes -> Protocols.bytes(), Messages::buffer, bytes -> List.of()),

  /** Lines of text. */
  LINES(
      bytes -> Protocols.lines(),
      Messages::text,
      bytes ->
          List.of(
              new LineBasedFrameDecoder(JevCodecDriver.MAX_FRAME_BYTES),
              new StringDecoder(UTF_8),
              new LineEncoder(LineSeparator.UNIX, UTF_8))),

  /** One delimiter of one byte. */
  DELIMITED(
      bytes -> Protocols.delimited(Delimiters.of(Messages.bytes("\0"))),
      Messages::buffer,
      bytes -> List.of(NettyHandlers.byDelimiters("\0"), NettyHandlers.appending("\0"))),

  /** Three delimiters. */
  DELIMITED_BY_3(
      bytes ->
          Protocols.delimited(
              Delimiters.of(Messages.bytes("\r\n"), Messages.bytes("\n"), Messages.bytes("\0"))),
      Messages::buffer,
      bytes ->
          List.of(NettyHandlers.byDelimiters("\r\n", "\n", "\0"), NettyHandlers.appending("\r\n"))),

  /** Frames of a fixed length. */
  FIXED_LENGTH(
      Protocols::fixedLength,
      Messages::buffer,
      bytes -> List.of(new FixedLengthFrameDecoder(bytes))),

  /** A four-byte length prefix. */
  LENGTH_PREFIXED(
      bytes -> Protocols.lengthPrefixed(),
      Messages::buffer,
      bytes -> NettyHandlers.lengthPrefixed()),

  /** A four-byte length prefix, with Netty's handlers in a protocol: the cost of the bridge. */
  LENGTH_PREFIXED_BRIDGED(
      bytes -> NettyCodec.of(() -> NettyHandlers.lengthPrefixed()).get(),
      Messages::buffer,
      bytes -> NettyHandlers.lengthPrefixed()),

  /** A three-byte length that includes itself. */
  LENGTH_FIELD(
      bytes -> Protocols.lengthField(LengthField.ofBytes(3).includesItself().strip(3)),
      Messages::buffer,
      bytes ->
          List.of(
              new LengthFieldBasedFrameDecoder(
                  JevCodecDriver.MAX_FRAME_BYTES, 0, 3, -3, 3, /* failFast= */ true),
              new LengthFieldPrepender(3, /* lengthIncludesLengthFieldLength= */ true))),

  /** A varint length prefix. */
  VARINT_PREFIXED(
      bytes -> Protocols.varintPrefixed(),
      Messages::buffer,
      bytes ->
          List.of(new ProtobufVarint32FrameDecoder(), new ProtobufVarint32LengthFieldPrepender())),

  /** Strings with a length prefix. */
  STRINGS(
      bytes -> Protocols.strings(Protocols.lengthPrefixed(), UTF_8),
      Messages::text,
      bytes -> NettyHandlers.lengthPrefixed(new StringDecoder(UTF_8), new StringEncoder(UTF_8))),

  /** Byte arrays with a length prefix. */
  BYTE_ARRAYS(
      bytes -> Protocols.byteArrays(Protocols.lengthPrefixed()),
      Messages::array,
      bytes -> NettyHandlers.lengthPrefixed(new ByteArrayDecoder(), new ByteArrayEncoder())),

  /** JSON, which Netty splits at line ends. */
  JSON_LINES(
      bytes -> Protocols.jsonLines(JsonMapper.shared(), Messages.Note.class),
      Messages::note,
      bytes ->
          List.of(
              new LineBasedFrameDecoder(JevCodecDriver.MAX_FRAME_BYTES),
              NettyHandlers.fromJson(),
              NettyHandlers.toJson())),

  /** JSON, which Netty splits at matching braces. */
  JSON_OBJECTS(
      bytes -> Protocols.jsonLines(JsonMapper.shared(), Messages.Note.class),
      Messages::note,
      bytes -> List.of(new JsonObjectDecoder(), NettyHandlers.fromJson(), NettyHandlers.toJson())),

  /** MessagePack, for which Netty has no decoder. */
  MESSAGE_PACK(
      bytes -> Protocols.messagePack(),
      bytes -> ValueFactory.newString(Messages.text(bytes)),
      null),

  /** Protocol Buffers messages of one type. */
  PROTOBUF(
      bytes -> Protocols.protobuf(StringValue.parser()),
      Messages::protobuf,
      bytes ->
          List.of(
              new ProtobufVarint32FrameDecoder(),
              new ProtobufDecoder(StringValue.getDefaultInstance()),
              new ProtobufVarint32LengthFieldPrepender(),
              new ProtobufEncoder())),

  /** Protocol Buffers messages in an Any. */
  ANY(
      bytes -> Protocols.protobuf(Messages.types()),
      Messages::protobuf,
      bytes ->
          List.of(
              new ProtobufVarint32FrameDecoder(),
              new ProtobufDecoder(Any.getDefaultInstance()),
              NettyHandlers.fromAny(),
              new ProtobufVarint32LengthFieldPrepender(),
              new ProtobufEncoder(),
              NettyHandlers.toAny())),

  /** gev's envelope, for which Netty has no decoder. */
  GEV_PROTOBUF(bytes -> Protocols.gevProtobuf(Messages.types()), Messages::protobuf, null),

  /** Redis commands in, a bulk string out. */
  RESP(
      bytes -> Protocols.resp(),
      bytes -> RespValue.bulk(Messages.array(bytes)),
      bytes -> Protocols.respClient(),
      Messages::set,
      bytes -> new FullBulkStringRedisMessage(Messages.buffer(bytes)),
      bytes -> NettyHandlers.redis()),

  /** Redis bulk strings in, commands out. */
  RESP_CLIENT(
      bytes -> Protocols.respClient(),
      Messages::set,
      bytes -> Protocols.resp(),
      bytes -> RespValue.bulk(Messages.array(bytes)),
      Messages::redisSet,
      bytes -> NettyHandlers.redis());

  private final IntFunction<Protocol<?, ?>> protocol;
  private final IntFunction<Object> message;
  private final IntFunction<Protocol<?, ?>> peer;
  private final IntFunction<Object> peersMessage;
  private final IntFunction<Object> nettysMessage;
  private final @Nullable IntFunction<List<ChannelHandler>> handlers;

  /** Creates a codec with the same protocol and the same messages at both ends. */
  Codec(
      IntFunction<Protocol<?, ?>> protocol,
      IntFunction<Object> message,
      @Nullable IntFunction<List<ChannelHandler>> handlers) {
    this(protocol, message, protocol, message, message, handlers);
  }

  Codec(
      IntFunction<Protocol<?, ?>> protocol,
      IntFunction<Object> message,
      IntFunction<Protocol<?, ?>> peer,
      IntFunction<Object> peersMessage,
      IntFunction<Object> nettysMessage,
      @Nullable IntFunction<List<ChannelHandler>> handlers) {
    this.protocol = protocol;
    this.message = message;
    this.peer = peer;
    this.peersMessage = peersMessage;
    this.nettysMessage = nettysMessage;
    this.handlers = handlers;
  }

  /** Returns the name in the tables, for example {@code fixedLength}. */
  String label() {
    String[] words = name().toLowerCase(Locale.ROOT).split("_", -1);
    StringBuilder label = new StringBuilder(words[0]);
    for (int i = 1; i < words.length; i++) {
      label.append(words[i].substring(0, 1).toUpperCase(Locale.ROOT)).append(words[i].substring(1));
    }
    return label.toString();
  }

  /** Returns whether Netty has a decoder for the same frames. */
  boolean hasCounterpart() {
    return handlers != null;
  }

  /** Returns whether the messages are buffers. */
  boolean hasBuffers() {
    Object example = message.apply(1);
    boolean isBuffer = example instanceof ByteBuf;
    ReferenceCountUtil.release(example);
    return isBuffer;
  }

  /** Returns Jev's codec, with messages of the given payload size. */
  CodecDriver jev(int bytes) {
    return jev(protocol, message, bytes);
  }

  @SuppressWarnings("unchecked") // the message of each constant fits its protocol
  private static CodecDriver jev(
      IntFunction<Protocol<?, ?>> protocol, IntFunction<Object> message, int bytes) {
    return new JevCodecDriver<>(
        (Protocol<Object, Object>) protocol.apply(bytes), message.apply(bytes));
  }

  /** Returns Netty's codec, which has to exist, with messages of the given payload size. */
  CodecDriver netty(int bytes) {
    return new NettyCodecDriver(requireNonNull(handlers).apply(bytes), nettysMessage.apply(bytes));
  }

  /**
   * Returns the bytes of one read: {@code count} messages of the given payload size, as the peer
   * packs them.
   */
  ByteBuf frames(int bytes, int count) {
    ByteBuf frames = PooledByteBufAllocator.DEFAULT.directBuffer();
    try (CodecDriver other = jev(peer, peersMessage, bytes)) {
      other.send(count, written -> frames.writeBytes(((ByteBuf) written).duplicate()));
    }
    return frames;
  }
}
