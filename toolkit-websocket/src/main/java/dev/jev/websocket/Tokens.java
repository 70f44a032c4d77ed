package dev.jev.websocket;

import java.util.ArrayList;
import java.util.List;

/** Tokens and comma-separated lists in header values (RFC 9110, 5.6.1 and 5.6.2). */
final class Tokens {

  private static final String PUNCTUATION = "!#$%&'*+-.^_`|~";

  private Tokens() {}

  static boolean isTokenChar(int c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || PUNCTUATION.indexOf(c) >= 0;
  }

  static boolean isToken(String text) {
    return !text.isEmpty() && text.chars().allMatch(Tokens::isTokenChar);
  }

  /** Returns the elements of a list in one or more header lines, empty elements included. */
  static List<String> elements(List<String> lines) {
    List<String> elements = new ArrayList<>();
    for (String line : lines) {
      int start = 0;
      for (int comma; (comma = line.indexOf(',', start)) >= 0; start = comma + 1) {
        elements.add(strip(line.substring(start, comma)));
      }
      elements.add(strip(line.substring(start)));
    }
    return elements;
  }

  /** Returns whether a list contains a token, ignoring case. */
  static boolean contains(List<String> lines, String token) {
    return elements(lines).stream().anyMatch(token::equalsIgnoreCase);
  }

  /** Returns a text without leading and trailing spaces and tabs. */
  static String strip(String text) {
    int start = 0;
    int end = text.length();
    while (start < end && isBlank(text.charAt(start))) {
      start++;
    }
    while (end > start && isBlank(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(start, end);
  }

  private static boolean isBlank(char c) {
    return c == ' ' || c == '\t';
  }
}
