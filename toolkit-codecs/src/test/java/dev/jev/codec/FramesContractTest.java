package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Protocol;
import dev.jev.test.ProtocolContract;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/** The contract of protocols, for those that find frames and those that fill them. */
@Timeout(60)
class FramesContractTest {

  private static final String LONG = "0123456789".repeat(150);

  @TestFactory
  Stream<DynamicTest> lineFrames() {
    return buffers(() -> new LineFrames(Integer.MAX_VALUE), "hello", "", "a\rb", LONG)
        .wire(
            ascii("one\r\n\ntwo\n\r\n\rthree\r\r\n"),
            bytes("one"),
            bytes(""),
            bytes("two"),
            bytes(""),
            bytes("\rthree\r"))
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> lines() {
    return texts(Protocols::lines, "hello", "", "5 \u20ac \ud83d\ude00", LONG)
        .wire(ascii("one\r\n\ntwo\n"), "one", "", "two")
        .refused("61 c3 0a", "text: malformed at byte 1 (expected: UTF-8)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> linesOfAscii() {
    return texts(() -> Protocols.lines(US_ASCII, 2000), "hello", "", LONG)
        .refused("61 c3 a9 0a", "text: malformed at byte 1 (expected: US-ASCII)")
        .refused("20".repeat(2000), "line: more than 2000 bytes (expected: <= 2000)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> delimited() {
    Delimiters delimiters = Delimiters.of(ascii("||")).maxFrameBytes(3000);
    return buffers(() -> Protocols.delimited(delimiters), "hello", "", "a|b", LONG)
        .wire(ascii("one||||two||"), bytes("one"), bytes(""), bytes("two"))
        .refused("7c 00".repeat(1500), "frame: more than 3000 bytes (expected: <= 3000)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> delimitedBySeveral() {
    Delimiters delimiters = Delimiters.of(ascii("aab"), ascii("aac"), ascii("\r\n"), ascii("\n"));
    return buffers(() -> Protocols.delimited(delimiters), "hello", "", "aa|b", LONG)
        .wire(ascii("aaacbaab\r\n\n"), bytes("a"), bytes("b"), bytes(""), bytes(""))
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> delimitedAndKept() {
    Delimiters delimiters = Delimiters.of(ascii("\r\n"), ascii("\n")).kept();
    return buffers(() -> Protocols.delimited(delimiters), "hello\n", "\n", "a\rb\r\n", LONG + "\n")
        .wire(ascii("one\r\n\n"), bytes("one\r\n"), bytes("\n"))
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> fixedLength() {
    return buffers(() -> Protocols.fixedLength(LONG.length()), LONG, LONG.replace('1', 'x'))
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> lengthPrefixed() {
    return buffers(Protocols::lengthPrefixed, "hello", "", LONG)
        .wire("00000002 6869 00000000", bytes("hi"), bytes(""))
        .refused("fffffffe", "payload length: -2 bytes (expected: >= 0)")
        .refused("7fffffff", "frame: 2147483651 bytes (expected: <= 65536)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> lengthField() {
    LengthField field = LengthField.ofBytes(8).strip(8).littleEndian().includesItself();
    return buffers(() -> Protocols.lengthField(field), "hello", "", LONG)
        .wire("0a00000000000000 6869 0800000000000000", bytes("hi"), bytes(""))
        .refused("0700000000000000", "frame: 7 bytes (expected: >= 8)")
        .refused("00000000000000ff", "length: -72057594037927936 bytes (expected: >= 0)")
        .refused("0000000000000001", "frame: 72057594037927936 bytes (expected: <= 65536)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> lengthFieldBehindAHeader() {
    LengthField field = LengthField.ofBytes(2).header(0xCA, 0xFE).strip(4);
    return buffers(() -> Protocols.lengthField(field), "hello", "", LONG)
        .wire("cafe 0002 6869 cafe 0000", bytes("hi"), bytes(""))
        .refused("47", "header: 0x47 at byte 0 (expected: 0xca)")
        .refused("ca47", "header: 0x47 at byte 1 (expected: 0xfe)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> lengthFieldInTheMiddle() {
    LengthField field = LengthField.ofBytes(2).offset(1).adjustment(1);
    String most = "x\5\334." + LONG; // 0x5dc, 1500
    return buffers(() -> Protocols.lengthField(field), "x\0\0.", "y\0\2.hi", most)
        .wire("78 0002 2e 6869", bytes("x\0\2.hi"))
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> strings() {
    return texts(
            () -> Protocols.strings(Protocols.lengthPrefixed(), UTF_8), "hello", "", "\u20ac", LONG)
        .wire("00000003 e282ac", "\u20ac")
        .refused("00000002 61e2", "text: malformed at byte 1 (expected: UTF-8)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> byteArrays() {
    return ProtocolContract.of(() -> Protocols.byteArrays(Protocols.lengthPrefixed()))
        .message(ascii("hello"))
        .message(new byte[0])
        .message(ascii(LONG))
        .tests();
  }

  private static ProtocolContract<ByteBuf, ByteBuf> buffers(
      Supplier<Protocol<ByteBuf, ByteBuf>> protocols, String... messages) {
    ProtocolContract<ByteBuf, ByteBuf> contract = ProtocolContract.of(protocols);
    for (String message : messages) {
      contract.message(bytes(message));
    }
    return contract;
  }

  private static ProtocolContract<String, String> texts(
      Supplier<Protocol<String, String>> protocols, String... messages) {
    ProtocolContract<String, String> contract = ProtocolContract.of(protocols);
    for (String message : messages) {
      contract.message(message);
    }
    return contract;
  }

  private static ByteBuf bytes(String text) {
    return Unpooled.wrappedBuffer(ascii(text));
  }

  private static byte[] ascii(String text) {
    return text.getBytes(ISO_8859_1);
  }
}
