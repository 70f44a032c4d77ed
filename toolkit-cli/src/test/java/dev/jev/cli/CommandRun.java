package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;

/** A command that has run in this process. */
record CommandRun(int status, String out, String err) {

  static CommandRun of(String input, String... arguments) {
    return of(new ByteArrayInputStream(input.getBytes(UTF_8)), arguments);
  }

  static CommandRun of(InputStream input, String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int status = Jev.run(input, printing(out), printing(err), arguments);
    return new CommandRun(status, out.toString(UTF_8), err.toString(UTF_8));
  }

  private static PrintStream printing(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, /* autoFlush= */ true, UTF_8);
  }
}
