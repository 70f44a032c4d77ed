package dev.jev.samples.push;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

public class PriceServerTest {

  /** The code that the page shows. */
  public static final Path SOURCE = Path.of("src/main/java/dev/jev/samples/push/PriceServer.java");

  @Test
  void pageHasTheSource() throws IOException {
    try (InputStream page = PriceServer.class.getResourceAsStream("/push/PriceServer.java")) {
      byte[] shown = requireNonNull(page, "page").readAllBytes();
      assertThat(new String(shown, UTF_8)).isEqualTo(Files.readString(SOURCE));
    }
  }
}
