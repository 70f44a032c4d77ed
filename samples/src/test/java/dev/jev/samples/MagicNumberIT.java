package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The samples' own protocol, with a client in another language. */
@Timeout(180)
class MagicNumberIT {

  private static final String CLIENT =
      """
      import socket, struct, sys, zlib
      def frame(text):
          payload = text.encode()
          return struct.pack('>HBI', 0x4A56, 1, len(payload)) + payload + struct.pack('>I', zlib.crc32(payload))
      def read(count):
          bytes = b''
          while len(bytes) < count:
              more = connection.recv(count - len(bytes))
              if not more:
                  print('closed after', len(bytes))
                  sys.exit()
              bytes += more
          return bytes
      connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
      texts = ['hello', '', 'gr\\u00fc\\u00dfe', 'x' * 100000]
      connection.sendall(b''.join(frame(text) for text in texts))
      for text in texts:
          magic, version, length = struct.unpack('>HBI', read(7))
          payload = read(length)
          checksum, = struct.unpack('>I', read(4))
          assert (magic, version) == (0x4A56, 1)
          assert checksum == zlib.crc32(payload)
          assert payload.decode() == text.upper()
          print(length)
      damaged = bytearray(frame('damaged'))
      damaged[8] ^= 1
      connection.sendall(damaged)
      read(1)
      """;

  @Test
  @CallsPrograms
  void pythonSpeaksItAndADamagedFrameClosesTheConnection() throws Exception {
    try (Program server = Sample.server("magic-number", "--port", "0");
        Program python = Program.start("python3", "-c", CLIENT, String.valueOf(server.port()))) {
      assertThat(python.exitStatus()).as(() -> python.errors().toString()).isZero();
      assertThat(python.output()).isEqualTo(List.of("5", "0", "7", "100000", "closed after 0"));
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void clientPrintsTheAnswersAndSaysWhatGoesWrong() throws Exception {
    try (Program server = Sample.server("magic-number", "--port", "0")) {
      String port = String.valueOf(server.port());
      try (Program client = Sample.start("magic-number-client", "--port", port, "one", "two")) {
        assertThat(client.exitStatus()).isZero();
        assertThat(client.output()).containsExactly("ONE", "TWO");
        assertThat(client.errors()).isEmpty();
      }
      assertThat(server.terminate().exitStatus()).isZero();
      try (Program client = Sample.start("magic-number-client", "--port", port, "one")) {
        assertThat(client.exitStatus()).isEqualTo(1);
        assertThat(client.errors()).singleElement().asString().contains("127.0.0.1:" + port);
      }
    }
  }

  @Test
  void whatIsNotTheProtocolIsClosedAtOnce() throws Exception {
    for (String bytes : List.of("GET / HTTP/1.1\r\n\r\n", "JV\2\0\0\0\0", "JV\1\u00ff\0\0\0")) {
      try (Program server = Sample.server("magic-number", "--port", "0");
          RawClient client = new RawClient(server.port())) {
        assertThat(client.sends(bytes).receivesAll()).isEmpty();
        client.leaves();
        assertThat(server.terminate().exitStatus()).isZero();
      }
    }
  }
}
