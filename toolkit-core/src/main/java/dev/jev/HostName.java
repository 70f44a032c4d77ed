package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.util.NetUtil;
import java.net.IDN;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A host in an address: a name such as {@code www.example.com} or {@code my_service}, or a literal
 * IP address.
 *
 * <p>Addresses, WebSocket URIs, {@code Host} headers, TLS server names and the names in
 * certificates all mean hosts in this sense.
 *
 * <p><b>Names.</b> A name has at most 253 characters and consists of labels of 1 to 63 letters,
 * digits, hyphens and underscores, separated by dots. A label neither begins nor ends with a
 * hyphen. RFC 1123 knows no underscores, but DNS and Docker do. The last label is not a number, or
 * the name would be read as an IPv4 address. A final dot makes a name absolute for its lookup only.
 *
 * <p><b>Other letters.</b> Names in Unicode are converted to ASCII as in IDNA 2003 (RFC 3490):
 * {@code bücher.example} becomes {@code xn--bcher-kva.example}. What IDNA 2008 converts to another
 * name is refused, so that no name becomes that of another host: {@code ß}, the final sigma, the
 * two joiners, and characters that are younger than Unicode 3.2. Such a name is given in ASCII:
 * {@code xn--strae-oqa.example} instead of {@code straße.example}.
 *
 * <p>Immutable.
 */
public final class HostName {

  private static final String EXPECTED =
      " (expected: a name of letters, digits, - and _, or an IP address)";

  private static final int MAX_LENGTH = 253;

  private static final String LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";

  private static final Pattern NAME =
      Pattern.compile("(?=.{1," + MAX_LENGTH + "}$)(?:" + LABEL + "\\.)*" + LABEL);

  /** A last label that the system reads as the end of an IPv4 address, see inet_aton(3). */
  private static final Pattern NUMBER = Pattern.compile("(?:.*\\.)?(?:[0-9]+|0x[0-9a-f]*)");

  /** RFC 4007, 11.2: the zone of a local address, such as the name of an interface. */
  private static final Pattern ZONE = Pattern.compile("%[A-Za-z0-9._~-]+");

  /** RFC 5894, 7.2: the characters that IDNA 2003 replaces and IDNA 2008 keeps. */
  private static final String DEVIATIONS = "\u00DF\u03C2\u200C\u200D";

  private final String text;
  private final String name;
  private final boolean isAddress;

  private HostName(String text, String name, boolean isAddress) {
    this.text = text;
    this.name = name;
    this.isAddress = isAddress;
  }

  /**
   * Returns the host with the given name or literal address. An IPv6 address has no brackets.
   *
   * @throws IllegalArgumentException if {@code text} is neither
   */
  public static HostName of(String text) {
    int deviation = deviation(requireNonNull(text, "text"));
    if (deviation >= 0) {
      throw new IllegalArgumentException(
          String.format(
              "host: %s with U+%04X at index %d (expected: the form in ASCII, xn--...)",
              text, (int) text.charAt(deviation), deviation));
    }
    HostName host = parse(text);
    if (host == null) {
      throw new IllegalArgumentException("host: " + text + EXPECTED);
    }
    return host;
  }

  /**
   * Returns the host with the given name or literal address, or null if {@code text} is neither.
   */
  public static @Nullable HostName parse(String text) {
    if (NetUtil.isValidIpV4Address(text)) {
      return new HostName(text, text, /* isAddress= */ true);
    }
    if (text.indexOf(':') >= 0) {
      return ofIp6(text);
    }
    String ascii = ascii(text);
    boolean isAbsolute = ascii.endsWith(".");
    String name = isAbsolute ? ascii.substring(0, ascii.length() - 1) : ascii;
    return NAME.matcher(name).matches() && !NUMBER.matcher(name).matches()
        ? new HostName(ascii, name, /* isAddress= */ false)
        : null;
  }

  private static @Nullable HostName ofIp6(String text) {
    int zone = text.indexOf('%') < 0 ? text.length() : text.indexOf('%');
    boolean isZone = zone == text.length() || ZONE.matcher(text.substring(zone)).matches();
    String address = text.substring(0, zone);
    if (!isZone || address.startsWith("[") || !NetUtil.isValidIpV6Address(address)) {
      return null;
    }
    byte[] bytes = NetUtil.createByteArrayFromIpAddressString(address);
    return new HostName(text, NetUtil.bytesToIpAddress(bytes), /* isAddress= */ true);
  }

  /** Returns a name in lower case and ASCII, or an empty string if that is impossible. */
  private static String ascii(String text) {
    if (text.chars().allMatch(c -> c < 0x80)) {
      return text.toLowerCase(Locale.ROOT);
    }
    boolean isMalformed = text.indexOf('\uFFFD') >= 0;
    if (isMalformed || text.length() > MAX_LENGTH || deviation(text) >= 0) {
      return "";
    }
    try {
      return IDN.toASCII(text).toLowerCase(Locale.ROOT);
    } catch (IllegalArgumentException e) {
      return "";
    }
  }

  private static int deviation(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (DEVIATIONS.indexOf(text.charAt(i)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  /**
   * Returns the name in lower case and ASCII, without a final dot, or the address without a zone;
   * equal for equal hosts. An IPv6 address is in the form of RFC 5952.
   */
  public String name() {
    return name;
  }

  /** Returns whether this is a literal IP address. */
  public boolean isAddress() {
    return isAddress;
  }

  /** Returns the name as in a {@code Host} header: {@link #name}, an IPv6 address in brackets. */
  public String header() {
    return bracketed(name);
  }

  /** Returns the host as a resolver takes it: in ASCII, with final dot or zone. */
  String lookup() {
    return text;
  }

  /**
   * Returns the host as {@code connect} takes it: in ASCII, with final dot or zone, in brackets.
   */
  @Override
  public String toString() {
    return bracketed(text);
  }

  private static String bracketed(String host) {
    return host.indexOf(':') >= 0 ? "[" + host + "]" : host;
  }
}
