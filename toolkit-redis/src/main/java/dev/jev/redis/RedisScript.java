package dev.jev.redis;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The scripts that Redis runs, each from one or several files of Lua. */
enum RedisScript {
  PUBLISH_LOG("enter", "publish-log"),
  PUBLISH_LOG_AGAIN("again", "log", "find-log", "enter", "publish-log"),
  READ_LOG("log", "read-log"),
  PUBLISH_LATEST("again", "enter", "publish-latest"),
  READ_LATEST("read-latest"),
  PRESENT("enter", "present"),
  ROSTER("roster"),
  RENEW("renew"),
  LEAVE("leave"),
  PROBE("probe");

  private final String source;
  private final String digest;

  RedisScript(String... files) {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    for (String file : files) {
      try (InputStream in = RedisScript.class.getResourceAsStream(file + ".lua")) {
        if (in == null) {
          throw new IllegalStateException(file + ".lua is missing");
        }
        in.transferTo(text);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    this.source = text.toString(UTF_8);
    try { // Redis names scripts so
      this.digest =
          HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(text.toByteArray()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  String source() {
    return source;
  }

  String digest() {
    return digest;
  }
}
