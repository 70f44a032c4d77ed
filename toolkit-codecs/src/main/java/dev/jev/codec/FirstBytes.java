package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** Recognizes a protocol by the first bytes of a connection; see {@link Multiplexer}. */
@FunctionalInterface
public interface FirstBytes {

  /** What the bytes so far say. */
  enum Verdict {
    /** They begin the protocol. */
    YES,
    /** They do not, whatever follows. */
    NO,
    /** It depends on what follows. */
    MORE
  }

  /**
   * Judges the readable bytes, of which there is at least one; their number is no hint, since they
   * may arrive one by one. Leaves them as they are.
   */
  Verdict judge(ByteBuf bytes);

  /**
   * These very bytes: a magic number.
   *
   * @throws IllegalArgumentException if there are none
   */
  static FirstBytes of(byte... magic) {
    byte[] expected = magic.clone();
    if (expected.length == 0) {
      throw new IllegalArgumentException("magic: 0 bytes (expected: >= 1)");
    }
    return bytes -> {
      int length = Math.min(bytes.readableBytes(), expected.length);
      for (int i = 0; i < length; i++) {
        if (bytes.getByte(bytes.readerIndex() + i) != expected[i]) {
          return Verdict.NO;
        }
      }
      return length == expected.length ? Verdict.YES : Verdict.MORE;
    };
  }

  /**
   * These very characters, in ASCII.
   *
   * @throws IllegalArgumentException if there are none, or others
   */
  static FirstBytes of(String magic) {
    if (!US_ASCII.newEncoder().canEncode(magic)) {
      throw new IllegalArgumentException(
          "magic: a character that is not ASCII (expected: ASCII only)");
    }
    return of(magic.getBytes(US_ASCII));
  }

  /**
   * The beginning of any of these.
   *
   * @throws IllegalArgumentException if there are none
   */
  static FirstBytes anyOf(FirstBytes... choices) {
    List<FirstBytes> all = List.of(choices);
    if (all.isEmpty()) {
      throw new IllegalArgumentException("choices: 0 (expected: >= 1)");
    }
    return bytes -> {
      Verdict verdict = Verdict.NO;
      for (FirstBytes choice : all) {
        Verdict one = choice.judge(bytes);
        if (one == Verdict.YES) {
          return one;
        }
        verdict = one == Verdict.MORE ? one : verdict;
      }
      return verdict;
    };
  }

  /**
   * A request of HTTP/1: a method of RFC 9110, 9.3 or RFC 5789, a blank and the first character of
   * a target (RFC 9112, 3.2). A WebSocket begins as one.
   */
  static FirstBytes http() {
    Stream<String> methods = Stream.of("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "PATCH");
    Stream<String> targets = methods.flatMap(name -> Stream.of(name + " /", name + " http"));
    return anyOf(
        Stream.concat(targets, Stream.of("OPTIONS /", "OPTIONS *", "OPTIONS http", "CONNECT "))
            .map(FirstBytes::of)
            .toArray(FirstBytes[]::new));
  }

  /**
   * A TLS handshake (RFC 8446, 5.1). To end TLS and look at what is inside, use the plugin {@link
   * dev.jev.plugin.Tls} with {@code optional()} instead, which comes before any protocol.
   */
  static FirstBytes tls() {
    return of((byte) 22, (byte) 3);
  }

  /**
   * A header of the PROXY protocol, version 1 or 2. To believe it, use the plugin {@link
   * dev.jev.plugin.ProxyProtocol} instead, which comes before any protocol.
   */
  static FirstBytes proxyHeader() {
    return anyOf(of("PROXY "), of(HexFormat.of().parseHex("0d0a0d0a000d0a515549540a")));
  }
}
