package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.jev.test.ProtocolContract;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.provider.Arguments;

/** The contract of protocols for both sides of RESP. */
class RespContractTest {

  @TestFactory
  Stream<DynamicTest> serverKeepsTheContract() {
    return ProtocolContract.of(Protocols::resp)
        .counterpart(Protocols::respClient)
        .message(RespCommand.of("GET", "key:1"))
        .message(RespCommand.of("set", "k", "x".repeat(5_000)))
        .message(RespCommand.of("INCRBYFLOAT", "", "ü\r\n\0"))
        .wire(bytes("PING\r\n"), RespCommand.of("PING"))
        .wire(bytes("ECHO \"a b\" 'c'\n"), RespCommand.of("ECHO", "a b", "c"))
        .wire(bytes("*0\r\n*-1\r\n\r\n*1\r\n$4\r\nQUIT\r\n"), RespCommand.of("QUIT"))
        .refused(bytes("*1\r\n:1\r\n"), "argument: \":1\" (expected: $ and a length)")
        .refused(bytes("*1048577\r\n"), "multibulk length: \"*1048577\" (expected: <= 1048576)")
        .refused(bytes("*1\r\n$999999\r\n"), "command: 1000014 bytes (expected: <= 65536)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> clientKeepsTheContract() {
    ProtocolContract<RespValue, RespCommand> contract =
        ProtocolContract.of(Protocols::respClient)
            .counterpart(Protocols::resp)
            .message(RespValue.bulk("x".repeat(5_000)))
            .message(RespValue.array(Stream.generate(() -> RespValue.OK).limit(400).toList()));
    RespClientProtocolTest.canonical()
        .forEach(sample -> contract.message((RespValue) sample.get()[1]));
    RespClientProtocolTest.others()
        .forEach(sample -> contract.wire(bytes(sample), (RespValue) sample.get()[1]));
    RespClientProtocolTest.malformed()
        .forEach(sample -> contract.refused(bytes(sample), (String) sample.get()[1]));
    return contract.tests();
  }

  private static byte[] bytes(Arguments sample) {
    return bytes((String) sample.get()[0]);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(ISO_8859_1);
  }
}
