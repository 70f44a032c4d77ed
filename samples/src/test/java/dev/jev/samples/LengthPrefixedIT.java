package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class LengthPrefixedIT {

  @Test
  void framesComeBack() throws Exception {
    assertFramesComeBack("length-prefixed", "--port", "0");
  }

  @Test
  void framesComeBackInOrderFromWorkers() throws Exception {
    assertFramesComeBack("length-prefixed", "--port", "0", "--offload");
  }

  @Test
  void frameOfRefusedLengthClosesTheConnection() throws Exception {
    try (Program server = Sample.server("length-prefixed", "--port", "0");
        RawClient client = new RawClient(server.port())) {
      assertThat(client.sends("\0\0\0\2hi\u00ff\u00ff\u00ff\u00ff").receivesAll())
          .isEqualTo("\0\0\0\2hi");
      client.leaves();
      assertThat(server.terminate().exitStatus()).isZero();
    }
  }

  private static void assertFramesComeBack(String... arguments) throws Exception {
    StringBuilder frames = new StringBuilder();
    for (int i = 0; i < 5_000; i++) {
      String payload = "x".repeat(i % 100) + i;
      frames.append("\0\0\0").append((char) payload.length()).append(payload);
    }
    frames.append("\0\0\0\0");
    try (Program server = Sample.server(arguments)) {
      try (RawClient client = new RawClient(server.port())) {
        CompletableFuture<String> received =
            CompletableFuture.supplyAsync(
                () -> {
                  try {
                    return client.receives(frames.length());
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                });
        client.sends(frames.toString());
        assertThat(received.get(60, TimeUnit.SECONDS)).isEqualTo(frames.toString());
      }
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }
}
