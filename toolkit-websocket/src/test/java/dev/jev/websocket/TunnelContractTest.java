package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Int64Value;
import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import com.google.protobuf.Value;
import dev.jev.Protocol;
import dev.jev.codec.Delimiters;
import dev.jev.codec.FirstBytes;
import dev.jev.codec.LengthField;
import dev.jev.codec.Multiplexer;
import dev.jev.codec.NettyCodec;
import dev.jev.codec.ProtobufTypes;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import dev.jev.test.ProtocolContract;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import java.net.URI;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.msgpack.value.ValueFactory;
import tools.jackson.databind.json.JsonMapper;

/** The protocol contract for every codec inside WebSocket. */
@Timeout(120)
class TunnelContractTest {

  private static final String LONG = "0123456789".repeat(150);
  private static final ProtobufTypes TYPES =
      ProtobufTypes.of(Int64Value.getDefaultInstance(), StringValue.getDefaultInstance());

  /** An idle tunnel consists of WebSocket, the request of its handshake, and a codec. */
  private static final int MAX_IDLE_BYTES = 2 * 1024;

  /** The pipeline of a codec of Netty's, beside that. */
  private static final int MAX_PIPELINE_BYTES = 1024;

  private static WebSocketServerBuilder server() {
    return WebSocketProtocol.server().path("/tunnel");
  }

  private static WebSocketClientBuilder client() {
    return WebSocketProtocol.client(URI.create("ws://example.com/tunnel"));
  }

  @SafeVarargs
  @SuppressWarnings("varargs") // passed on
  private static <I, O> DynamicContainer kept(
      String name,
      Supplier<? extends Protocol<I, O>> protocol,
      Supplier<? extends Protocol<O, I>> counterpart,
      I... messages) {
    return DynamicContainer.dynamicContainer(
        name, tests(contract(protocol, counterpart, messages)));
  }

  @SafeVarargs
  @SuppressWarnings("varargs") // passed on
  private static <I, O> ProtocolContract<I, O> contract(
      Supplier<? extends Protocol<I, O>> protocol,
      Supplier<? extends Protocol<O, I>> counterpart,
      I... messages) {
    return filled(
        ProtocolContract.<I, O>of(server().tunnel(protocol))
            .counterpart(client().tunnel(counterpart)),
        messages);
  }

  @SafeVarargs
  private static <I, O> ProtocolContract<I, O> filled(
      ProtocolContract<I, O> contract, I... messages) {
    for (I message : messages) {
      contract.message(message);
    }
    return contract.maxIdleBytes(MAX_IDLE_BYTES).rounds(300);
  }

  /** Returns all checks except one: the limit of a frame does not include WebSocket's header. */
  private static Stream<DynamicTest> tests(ProtocolContract<?, ?> contract) {
    return contract.tests().filter(check -> !check.getDisplayName().equals("frame limit"));
  }

  private static DynamicContainer buffers(
      String name, Supplier<Protocol<ByteBuf, ByteBuf>> frames, String... messages) {
    return kept(name, frames, frames, bytes(messages));
  }

  private static ByteBuf[] bytes(String... messages) {
    return Stream.of(messages)
        .map(message -> Unpooled.wrappedBuffer(message.getBytes(ISO_8859_1)))
        .toArray(ByteBuf[]::new);
  }

  @TestFactory
  Stream<DynamicContainer> frames() {
    Delimiters delimiters = Delimiters.of(new byte[] {'|', '|'}).maxFrameBytes(3000);
    LengthField field = LengthField.ofBytes(2).offset(1).adjustment(1);
    Supplier<Protocol<ByteBuf, ByteBuf>> lengthPrefixed = Protocols::lengthPrefixed;
    Supplier<Protocol<Object, ByteBuf>> packer = () -> lengthPrefixed.get().mapInbound(any -> any);
    return Stream.of(
        buffers("delimited", () -> Protocols.delimited(delimiters), "hello", "", "a|b", LONG),
        buffers("fixed length", () -> Protocols.fixedLength(5), "hello", "world"),
        buffers("length prefixed", lengthPrefixed, "hello", "", LONG, LONG.repeat(20)),
        buffers("length field", () -> Protocols.lengthField(field), "x\0\0.", "y\0\2.hi"),
        buffers("varint prefixed", Protocols::varintPrefixed, "hello", "", LONG),
        DynamicContainer.dynamicContainer(
            "a codec of Netty's",
            tests(
                contract(nettyCodec(), packer, bytes("hello", "", LONG))
                    .maxIdleBytes(MAX_IDLE_BYTES + MAX_PIPELINE_BYTES))));
  }

  private static Supplier<Protocol<ByteBuf, Object>> nettyCodec() {
    return NettyCodec.of(
        ByteBuf.class,
        () ->
            List.of(
                new LengthFieldBasedFrameDecoder(1 << 20, 0, 4, 0, 4),
                new LengthFieldPrepender(4)));
  }

  @TestFactory
  Stream<DynamicContainer> messages() {
    Supplier<Protocol<String, String>> lines = Protocols::lines;
    Supplier<Protocol<String, String>> strings =
        () -> Protocols.strings(Protocols.lengthPrefixed(), UTF_8);
    Supplier<Protocol<byte[], byte[]>> arrays =
        () -> Protocols.byteArrays(Protocols.lengthPrefixed());
    var json = JsonMapper.shared().readTree("{\"n\":1,\"x\":[1,2.5,null,\"%s\"]}".formatted(LONG));
    var pack = ValueFactory.newArray(ValueFactory.newInteger(1), ValueFactory.newString(LONG));
    Value value = Value.newBuilder().setStringValue(LONG).build();
    Supplier<Protocol<Value, Value>> protobuf = () -> Protocols.protobuf(Value.parser());
    RespValue map = RespValue.array(List.of(RespValue.OK, RespValue.bulk(LONG)));
    RespCommand set = RespCommand.of("set", "k", LONG);
    return Stream.of(
        kept("lines", lines, lines, "hello", "", "\u20ac \ud83d\ude00", LONG),
        kept("strings", strings, strings, "hello", "", LONG),
        kept("byte arrays", arrays, arrays, new byte[0], new byte[300]),
        kept("JSON lines", Protocols::jsonLines, Protocols::jsonLines, json.get("n"), json),
        kept(
            "MessagePack",
            Protocols::messagePack,
            Protocols::messagePack,
            ValueFactory.newInteger(1),
            pack),
        kept("protobuf", protobuf, protobuf, Value.getDefaultInstance(), value),
        kept(
            "protobuf types",
            TunnelContractTest::types,
            TunnelContractTest::types,
            Int64Value.of(-1),
            StringValue.of(LONG)),
        kept(
            "gev's protobuf",
            TunnelContractTest::gev,
            TunnelContractTest::gev,
            Int64Value.of(-1),
            StringValue.of(LONG)),
        kept("RESP", Protocols::resp, Protocols::respClient, RespCommand.of("PING"), set),
        kept("RESP replies", Protocols::respClient, Protocols::resp, RespValue.OK, map));
  }

  private static Protocol<Message, Message> types() {
    return Protocols.protobuf(TYPES);
  }

  private static Protocol<Message, Message> gev() {
    return Protocols.gevProtobuf(TYPES);
  }

  @TestFactory
  Stream<DynamicTest> bytesWithoutFrames() {
    return contract(Protocols::bytes, Protocols::bytes, bytes("hello", LONG)).stream().tests();
  }

  @TestFactory
  Stream<DynamicTest> severalProtocolsInOneTunnel() {
    Multiplexer port =
        Multiplexer.builder()
            .when(FirstBytes.of("!"), Protocols::lines, (connection, line) -> {})
            .otherwise(Protocols::lengthPrefixed, (connection, bytes) -> {})
            .build();
    Supplier<Protocol<Object, Object>> lines =
        () -> Protocols.lines().map(line -> line, (Object text) -> (String) text);
    return tests(contract(port::protocol, lines, "!hello", "!" + LONG));
  }

  @TestFactory
  Stream<DynamicTest> bytesFromAServer() {
    ProtocolContract<ByteBuf, ByteBuf> contract =
        ProtocolContract.<ByteBuf, ByteBuf>of(() -> opened(Role.CLIENT, /* agreed= */ null))
            .counterpart(() -> opened(Role.SERVER, /* agreed= */ null));
    return tests(
        filled(contract, bytes("hello", "", LONG))
            .wire("82 03 000000 82 03 026869", bytes("hi")) // a length in two messages
            .wire("02 06 000000026869 00 00 80 05 0000000121", bytes("hi", "!")) // fragments
            .refused("81 01 61", "message: text (expected: binary)")
            .refused("82 04 00100001", "frame: 1048581 bytes (expected: <= 65536)"));
  }

  @TestFactory
  Stream<DynamicTest> compressedBytes() {
    PermessageDeflate agreed =
        new PermessageDeflate(
            WebSocketCompression.DEFAULT,
            /* ownTakeover= */ false,
            PermessageDeflate.UNSPECIFIED,
            /* peerTakeover= */ false,
            PermessageDeflate.UNSPECIFIED);
    ProtocolContract<ByteBuf, ByteBuf> contract =
        ProtocolContract.<ByteBuf, ByteBuf>of(() -> opened(Role.SERVER, agreed))
            .counterpart(() -> opened(Role.CLIENT, agreed));
    // The allocation limit is too low for compressed messages, whose last byte may be redundant.
    Set<String> others = Set.of("mutated input", "declared lengths", "truncation");
    return tests(filled(contract, bytes("hello", "", LONG, LONG.repeat(20))))
        .filter(check -> !others.contains(check.getDisplayName()));
  }

  private static Protocol<ByteBuf, ByteBuf> opened(Role role, @Nullable PermessageDeflate agreed) {
    MessageLimits limits =
        new MessageLimits(
            /* maxMessageBytes= */ 1,
            /* maxFragments= */ 1024,
            /* streaming= */ true,
            /* textOnly= */ false);
    MessageReader parts = new MessageReader(limits);
    return new TunneledProtocol<>(
        new WebSocketProtocol(role, LoopbackPair.opened(agreed), ControlPolicy.CLIENT, parts),
        Protocols.lengthPrefixed());
  }
}
