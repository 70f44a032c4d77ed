package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A place in the order of a topic's messages: behind one of them. A client that knows the position
 * of its last message resumes there on any node.
 *
 * <p>Positions have no order: two of them are equal or not. A position that is no longer part of
 * the topic, or never was, is not an error: to resume there tells the client that it has lost
 * messages.
 */
public final class Position {

  /**
   * The position before all messages that are kept of a topic. A subscription that resumes there
   * gets all of them, and loses none. Its text is {@code oldest}.
   */
  public static final Position OLDEST = after("oldest");

  private static final int MAX_ID_LENGTH = 64;

  /** Maximum length of a position as a text: an id, a separator and four digits. */
  static final int MAX_TEXT_LENGTH = MAX_ID_LENGTH + 5;

  private static final Pattern TEXT =
      Pattern.compile("([A-Za-z0-9._-]{1," + MAX_ID_LENGTH + "})(?::([1-9][0-9]{0,3}))?");

  private final String record;
  private final int messages;

  private Position(String record, int messages) {
    this.record = record;
    this.messages = messages;
  }

  /** Returns the position behind a record. */
  static Position after(String record) {
    return new Position(record, 0);
  }

  /** Returns the position behind the first {@code messages} of a record. */
  static Position inside(String record, int messages) {
    return new Position(record, messages);
  }

  /**
   * Parses a position, as {@link #toString} returns it.
   *
   * @throws IllegalArgumentException if {@code text} is not of that form
   */
  public static Position parse(String text) {
    Matcher parts = TEXT.matcher(requireNonNull(text, "text"));
    if (!parts.matches()) {
      int shown = Math.min(text.length(), MAX_ID_LENGTH);
      String excerpt = text.substring(0, shown) + (shown < text.length() ? "..." : "");
      throw new IllegalArgumentException("position: " + excerpt + " (expected: as received)");
    }
    String messages = parts.group(2);
    return new Position(parts.group(1), messages == null ? 0 : Integer.parseInt(messages));
  }

  /** Returns the id of the engine's record, see {@link Backplane.Record#id}. */
  public String record() {
    return record;
  }

  /**
   * Returns the number of messages of this record that come before the position, or 0 if all do.
   */
  public int messages() {
    return messages;
  }

  /** Returns whether further messages of the record come behind the position. */
  public boolean isInside() {
    return messages > 0;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Position that
        && record.equals(that.record)
        && messages == that.messages;
  }

  @Override
  public int hashCode() {
    return 31 * record.hashCode() + messages;
  }

  /** Returns a text of at most 69 characters without quotes, backslashes and blanks. */
  @Override
  public String toString() {
    return messages == 0 ? record : record + ':' + messages;
  }
}
