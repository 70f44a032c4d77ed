package dev.jev.samples;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class JsonChatIT {

  private static final String ERROR = "{\"error\":\"expected one join, then any number of say\"}";

  private static final String PYTHON =
      """
      import json, socket, sys
      def join(name):
          stream = socket.create_connection(('127.0.0.1', int(sys.argv[1]))).makefile('rw')
          say(stream, {'join': name, 'room': 'python'})
          return stream
      def say(stream, value):
          stream.write(json.dumps(value, ensure_ascii=False) + '\\r\\n\\r\\n')
          stream.flush()
      one = join('one')
      assert json.loads(one.readline()) == {'joined': 'one'}
      two = join('two')
      for stream in one, two:
          assert json.loads(stream.readline()) == {'joined': 'two'}
      texts = ['gr\\u00fc\\u00dfe\\n', '', '\\U0001f600' * 10000]
      for text in texts:
          say(two, {'say': text, 'unknown': [None]})
      for text in texts:
          assert json.loads(one.readline()) == {'from': 'two', 'say': text}
      print('understood')
      """;

  @Test
  @CallsPrograms
  void linesOfNcGoToEverybodyInTheRoom() throws Exception {
    try (Program server = Sample.server("json-chat", "--port", "0");
        Program ann = nc(server);
        Program bob = nc(server);
        Program eve = nc(server)) {
      join(ann, "{\"join\":\"Ann\"}", "{\"joined\":\"Ann\"}");
      join(bob, "{\"join\":\"Bob\"}", "{\"joined\":\"Bob\"}");
      join(eve, "{\"join\":\"Eve\",\"room\":\"garden\"}", "{\"joined\":\"Eve\"}");
      assertThat(ann.line()).isEqualTo("{\"joined\":\"Bob\"}");
      bob.typesAndWaits("{\"say\":\"hello\"}\n");
      assertThat(ann.line()).isEqualTo("{\"from\":\"Bob\",\"say\":\"hello\"}");
      assertThat(bob.line()).isEqualTo("{\"from\":\"Bob\",\"say\":\"hello\"}");
      ann.typesAndWaits("{\"say\":\"good bye\"}\n");
      for (Program guest : List.of(ann, bob)) {
        assertThat(guest.line()).isEqualTo("{\"from\":\"Ann\",\"say\":\"good bye\"}");
      }
      bob.terminate();
      assertThat(ann.line()).isEqualTo("{\"left\":\"Bob\"}");
      eve.typesAndWaits("{\"join\":\"Adam\"}\n");
      assertThat(eve.line()).isEqualTo(ERROR);
      ann.kill();
      bob.kill();
      eve.kill();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  private static Program nc(Program server) throws Exception {
    return Program.start("nc", "127.0.0.1", String.valueOf(server.port()));
  }

  private static void join(Program guest, String line, String answer) throws Exception {
    guest.typesAndWaits(line + "\n");
    assertThat(guest.line()).isEqualTo(answer);
  }

  @Test
  @CallsPrograms
  void pythonUnderstandsTheLines() throws Exception {
    try (Program server = Sample.server("json-chat", "--port", "0");
        Program python = Program.start("python3", "-c", PYTHON, String.valueOf(server.port()))) {
      assertThat(python.exitStatus()).as(() -> python.errors().toString()).isZero();
      assertThat(python.output()).isEqualTo(List.of("understood"));
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void whatIsNoJsonClosesItsConnectionOnly() throws Exception {
    try (Program server = Sample.server("json-chat", "--port", "0");
        RawClient ann = new RawClient(server.port());
        RawClient bob = new RawClient(server.port())) {
      assertThat(ann.sends("{\"join\":\"Ann\"}\n").receivesLine())
          .isEqualTo("{\"joined\":\"Ann\"}");
      assertThat(bob.sends("{\"join\":\"Bob\"}\n").receivesLine())
          .isEqualTo("{\"joined\":\"Bob\"}");
      assertThat(bob.sends("{\"say\":\n").receivesAll()).isEmpty();
      assertThat(ann.receivesLine()).isEqualTo("{\"joined\":\"Bob\"}");
      assertThat(ann.receivesLine()).isEqualTo("{\"left\":\"Bob\"}");
      ann.leaves();
      bob.leaves();
      assertThat(server.terminate().exitStatus()).isZero();
    }
  }

  private static int linesBefore(RawClient client, String last) {
    try {
      int lines = 0;
      while (!client.receivesLine().equals(last)) {
        lines++;
      }
      return lines;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void whoDoesNotReadIsClosedAndTheOthersChatOn() throws Exception {
    String line = "{\"say\":\"" + "x".repeat(1 << 16) + "\"}\n";
    try (Program server = Sample.server("json-chat", "--port", "0");
        RawClient deaf = new RawClient(server.port());
        RawClient ann = new RawClient(server.port())) {
      assertThat(deaf.sends("{\"join\":\"deaf\"}\n").receivesLine()).contains("deaf");
      assertThat(ann.sends("{\"join\":\"Ann\"}\n").receivesLine()).contains("Ann");
      CompletableFuture<Integer> heard =
          CompletableFuture.supplyAsync(() -> linesBefore(ann, "{\"left\":\"deaf\"}"));
      for (int i = 0; i < 512 && !heard.isDone(); i++) { // more than the kernel buffers
        ann.sends(line);
      }
      int said = heard.get(60, SECONDS);
      assertThat(said).isPositive();
      ann.sends("{}\n");
      assertThat(linesBefore(ann, ERROR)).isLessThanOrEqualTo(512);
      deaf.leaves();
      ann.leaves();
      assertThat(server.terminate().exitStatus()).isZero();
    }
  }
}
