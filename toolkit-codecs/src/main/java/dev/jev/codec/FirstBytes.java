package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** A test for the protocol of a connection by its first bytes; see {@link Multiplexer}. */
@FunctionalInterface
public interface FirstBytes {

  /** The result of the test for the bytes so far. */
  enum Verdict {
    /** The bytes begin the protocol. */
    YES,
    /** The bytes do not begin the protocol, whatever follows. */
    NO,
    /** The result depends on the bytes that follow. */
    MORE
  }

  /**
   * Tests the readable bytes, of which there is at least one, without consuming or changing them.
   * Their number has no meaning, because bytes may arrive one at a time.
   */
  Verdict judge(ByteBuf bytes);

  /**
   * Returns a test for exactly these bytes, such as a magic number.
   *
   * @throws IllegalArgumentException if there are no bytes
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
   * Returns a test for exactly these characters in ASCII.
   *
   * @throws IllegalArgumentException if there are no characters, or characters that are not ASCII
   */
  static FirstBytes of(String magic) {
    if (!US_ASCII.newEncoder().canEncode(magic)) {
      throw new IllegalArgumentException(
          "magic: a character that is not ASCII (expected: ASCII only)");
    }
    return of(magic.getBytes(US_ASCII));
  }

  /**
   * Returns a test that succeeds if any of the given tests does.
   *
   * @throws IllegalArgumentException if no tests are given
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
   * Returns a test for an HTTP/1 request: a method of RFC 9110, 9.3 or RFC 5789, a space and the
   * first character of a target (RFC 9112, 3.2). A WebSocket connection begins with such a request.
   * It also keeps the requests that a web page makes a browser send, with a body of its choice,
   * away from a protocol of commands.
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
   * Returns a test for a TLS handshake (RFC 8446, 5.1). To terminate TLS and recognize the protocol
   * inside it, use the plugin {@link dev.jev.plugin.Tls} with {@code optional()} instead, which
   * precedes all protocols.
   */
  static FirstBytes tls() {
    return of((byte) 22, (byte) 3);
  }

  /**
   * Returns a test for a PROXY protocol header, version 1 or 2. To use the addresses of the header,
   * install the plugin {@link dev.jev.plugin.ProxyProtocol} instead, which precedes all protocols.
   */
  static FirstBytes proxyHeader() {
    return anyOf(of("PROXY "), of(HexFormat.of().parseHex("0d0a0d0a000d0a515549540a")));
  }
}
