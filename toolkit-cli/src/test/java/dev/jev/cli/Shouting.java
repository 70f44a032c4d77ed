package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Protocol;
import dev.jev.codec.Protocols;
import java.net.URI;
import java.util.Locale;
import java.util.function.Supplier;

/** A protocol of a user's own, which a service file names. */
public final class Shouting implements WireFormat<String, String> {

  @Override
  public String name() {
    return "shouting";
  }

  @Override
  public Supplier<Protocol<String, String>> client(URI uri) {
    return Protocols::lines;
  }

  @Override
  public String message(byte[] typed) {
    return new String(typed, UTF_8).toUpperCase(Locale.ROOT);
  }

  @Override
  public byte[] print(String message) {
    return (message + "!").getBytes(UTF_8);
  }
}
