package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Protocol;
import java.net.URI;
import java.util.function.Supplier;

/**
 * A protocol for the command line: how a client speaks it, and how its messages are read from bytes
 * that a person has typed, and become bytes that a person can read.
 *
 * <p>{@code --protocol} names one. Your own are found by {@link java.util.ServiceLoader}, or by the
 * name of their class, which then has a public constructor without parameters:
 *
 * <pre>
 *   java -cp jev.jar:mine.jar dev.jev.cli.Jev cat --protocol note tcp://localhost:5000
 * </pre>
 *
 * <p><b>Threads.</b> The methods are called by several threads.
 *
 * @param <I> the type of inbound messages
 * @param <O> the type of outbound messages
 */
public interface WireFormat<I, O> {

  /** Returns the name, as {@code --protocol} has it. */
  String name();

  /** Returns a factory of the protocols of a client that connects to a URI. */
  Supplier<? extends Protocol<I, O>> client(URI uri);

  /**
   * Returns a message.
   *
   * @param typed a line, without its end, in UTF-8; or any bytes with {@code --hex}
   * @throws IllegalArgumentException if there is no such message
   */
  O message(byte[] typed);

  /**
   * Returns what is printed of a message: text in UTF-8, or any bytes. The caller releases the
   * message.
   */
  byte[] print(I message);

  /** Returns what is sent in a benchmark by default, in the form of {@link #message}. */
  default byte[] example(int bytes) {
    return "x".repeat(bytes).getBytes(UTF_8);
  }

  /** Returns whether an answer says that the server has failed, so that a benchmark counts it. */
  default boolean isError(I answer) {
    return false;
  }
}
