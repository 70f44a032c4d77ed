package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Sends lines and prints messages: for a person, and in pipes.
 *
 * <p>Messages are printed as they come. The command ends when the peer closes the connection, when
 * no message has come for some time after the end of the input, or when its output is closed.
 */
@Command(
    name = "cat",
    description =
        "Sends each line of standard input as a message, and prints the messages received.")
final class Cat implements Callable<Integer> {

  private static final long POLL_MILLIS = 20;
  private static final long FULL_NANOS = 100_000;

  @Mixin private Target target = new Target();

  @Option(names = "--hex", description = "Lines and messages are hexadecimal digits.")
  private boolean hex;

  @Option(
      names = "--wait",
      paramLabel = "SECONDS",
      description = "Time without a message, after the end of the input (default: 1).")
  private double waitSeconds = 1;

  private final InputStream in;
  private final PrintStream out;
  private final PrintStream err;

  Cat(InputStream in, PrintStream out, PrintStream err) {
    this.in = in;
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() throws InterruptedException, ExecutionException {
    return talk(target.format());
  }

  private <I, O> int talk(WireFormat<I, O> format) throws InterruptedException, ExecutionException {
    Conversation<I, O> conversation = new Conversation<>(format);
    try (Client<O> client = target.client(format, conversation).connect(target.address())) {
      client.connected().toCompletableFuture().get();
      Thread input = new Thread(() -> conversation.sendAll(client), "jev-cat");
      input.setDaemon(true); // a terminal may never end
      input.start();
      return conversation.await(client);
    }
  }

  /** Reads a line without its end; returns null at the end of the input. */
  private byte @Nullable [] readLine() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    int next = in.read();
    if (next < 0) {
      return null;
    }
    for (; next >= 0 && next != '\n'; next = in.read()) {
      line.write(next);
    }
    return hex
        ? HexFormat.of().parseHex(line.toString(UTF_8).replaceAll("\\s", ""))
        : withoutLineEnd(line.toByteArray());
  }

  /** Returns a line of a text without the {@code \r} of a line end {@code \r\n}. */
  static byte[] withoutLineEnd(byte[] line) {
    boolean hasEnd = line.length > 0 && line[line.length - 1] == '\r';
    return hasEnd ? Arrays.copyOf(line, line.length - 1) : line;
  }

  /** Prints a message; returns false if the reader of the output has ended. */
  private synchronized boolean print(byte[] message) {
    out.writeBytes(hex ? HexFormat.of().formatHex(message).getBytes(UTF_8) : message);
    out.println();
    return !out.checkError(); // flushes
  }

  /** The messages in both directions, and the end. */
  private final class Conversation<I, O> implements Handler<I, O> {

    private final WireFormat<I, O> format;
    private final CountDownLatch ended = new CountDownLatch(1);

    private volatile @Nullable CloseReason reason;
    private volatile @Nullable Exception failure; // of the input
    private volatile boolean isInputOver;
    private volatile long lastAt = System.nanoTime(); // a message, or the end of the input

    Conversation(WireFormat<I, O> format) {
      this.format = format;
    }

    @Override
    public void onMessage(Connection<O> connection, I message) {
      boolean isRead = print(format.print(message));
      lastAt = System.nanoTime();
      if (!isRead) { // as by head, which wants no more
        ended.countDown();
      }
    }

    @Override
    public void onClose(Connection<O> connection, CloseReason closed) {
      reason = closed;
      ended.countDown();
    }

    void sendAll(Client<O> client) {
      try {
        for (byte[] line; (line = readLine()) != null; ) {
          send(client, line);
        }
        lastAt = System.nanoTime();
        isInputOver = true;
      } catch (IOException | RuntimeException e) {
        failure = e;
        ended.countDown();
      }
    }

    private void send(Client<O> client, byte[] line) {
      Connection<O> connection = client.connection();
      while (connection != null && connection.isOpen() && !connection.isWritable()) {
        LockSupport.parkNanos(FULL_NANOS);
      }
      client.send(format.message(line));
    }

    /** Waits for the end and returns the exit status. */
    int await(Client<O> client) throws InterruptedException {
      long quiet = (long) (waitSeconds * 1e9);
      while (!ended.await(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        boolean isQuiet = isInputOver && System.nanoTime() - lastAt > quiet;
        if (isQuiet && client.isConnected()) { // else onClose follows, with the reason
          return 0;
        }
      }
      Exception wrong = failure;
      if (wrong != null) {
        throw new IllegalStateException(wrong.getMessage(), wrong);
      }
      CloseReason closed = reason;
      if (closed == null || closed.kind() == CloseReason.Kind.PEER_CLOSED) {
        return 0;
      }
      err.println("jev cat: connection closed: " + closed);
      return 1;
    }
  }
}
