package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class ProtobufIT {

  /** A client with its own implementation of the wire format. */
  private static final String PYTHON =
      """
      import socket, struct, sys
      def varint(value):
          result = b''
          while value > 127:
              result += bytes([value & 127 | 128])
              value >>= 7
          return result + bytes([value])
      def read_varint(stream):
          value = shift = 0
          while True:
              byte, = stream.read(1)
              value |= (byte & 127) << shift
              shift += 7
              if byte < 128:
                  return value
      connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
      stream = connection.makefile('rb')
      questions = [[1.5, -2.5, 4.0], [], [float(i) for i in range(10000)]]
      frames = b''
      for values in questions:
          packed = struct.pack('<%dd' % len(values), *values)
          message = b'\\x0a' + varint(len(packed)) + packed
          frames += varint(len(message)) + message
      for i in range(0, len(frames), 1000):
          connection.sendall(frames[i:i + 1000])
      for values in questions:
          message = stream.read(read_varint(stream))
          fields = {}
          while message:
              tag, message = message[0], message[1:]
              if tag == 8:
                  value = shift = 0
                  while True:
                      byte, message = message[0], message[1:]
                      value |= (byte & 127) << shift
                      shift += 7
                      if byte < 128:
                          break
              else:
                  (value,), message = struct.unpack('<d', message[:8]), message[8:]
              fields[tag >> 3] = value
          print(fields.get(1, 0), fields.get(2, 0.0), fields.get(3), fields.get(4))
      connection.sendall(b'\\x02\\x0a\\x09')
      print(stream.read())
      """;

  /** A client that uses protoc for the wire format. */
  private static final String PROTOC =
      """
      import socket, subprocess, sys
      def protoc(what, bytes):
          command = ['protoc', what, '-Isrc/main/protobuf', 'numbers.proto']
          return subprocess.run(command, input=bytes, capture_output=True, check=True).stdout
      question = protoc('--encode=dev.jev.samples.Numbers', b'values: 1.5 values: -2.5 values: 4')
      connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
      stream = connection.makefile('rb')
      connection.sendall(bytes([len(question)]) + question)
      answer = stream.read(stream.read(1)[0])
      print(protoc('--decode=dev.jev.samples.Summary', answer).decode())
      """;

  @Test
  @CallsPrograms
  void pythonIsAnsweredAndClosedWhenItsMessageIsCutShort() throws Exception {
    try (Program server = Sample.server("protobuf", "--port", "0");
        Program python = Program.start("python3", "-c", PYTHON, String.valueOf(server.port()))) {
      assertThat(python.exitStatus()).as(() -> python.errors().toString()).isZero();
      assertThat(python.output())
          .isEqualTo(
              List.of("3 3.0 -2.5 4.0", "0 0.0 inf -inf", "10000 49995000.0 None 9999.0", "b''"));
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  @CallsPrograms
  void protocUnderstandsTheAnswer() throws Exception {
    Program.require("protoc");
    try (Program server = Sample.server("protobuf", "--port", "0");
        Program python = Program.start("python3", "-c", PROTOC, String.valueOf(server.port()))) {
      assertThat(python.exitStatus()).as(() -> python.errors().toString()).isZero();
      assertThat(python.output()).contains("count: 3", "sum: 3", "least: -2.5", "greatest: 4");
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void clientPrintsTheAnswerAndSaysWhatGoesWrong() throws Exception {
    try (Program server = Sample.server("protobuf", "--port", "0")) {
      String port = String.valueOf(server.port());
      try (Program client = Sample.start("protobuf-client", "--port", port, "1.5", "2.25")) {
        assertThat(client.exitStatus()).isZero();
        assertThat(client.output())
            .containsExactly("count: 2", "sum: 3.75", "least: 1.5", "greatest: 2.25");
        assertThat(client.errors()).isEmpty();
      }
      assertThat(server.terminate().exitStatus()).isZero();
      try (Program client = Sample.start("protobuf-client", "--port", port, "1")) {
        assertThat(client.exitStatus()).isEqualTo(1);
        assertThat(client.errors()).singleElement().asString().contains("127.0.0.1:" + port);
      }
    }
  }
}
