package dev.jev.redis;

import dev.jev.CallsPrograms;
import dev.jev.nodes.BackplaneContract;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@CallsPrograms
@Timeout(300)
class RedisBackplaneContractTest {

  @TempDir private static Path directory;
  private static RedisProcess redis;

  @BeforeAll
  static void start() throws Exception {
    redis = RedisProcess.start(directory);
  }

  @AfterAll
  static void stop() throws Exception {
    if (redis != null) {
      redis.close();
    }
  }

  @TestFactory
  Stream<DynamicTest> contract() {
    return BackplaneContract.of(() -> RedisBackplane.of(redis.uri()))
        .lease(Duration.ofSeconds(2))
        .timeout(Duration.ofSeconds(30))
        .tests();
  }
}
