package dev.jev.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.benchmarks.shared.JavaCommandLine;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class JavaCommandLineTest {

  @Test
  void nameOfTheMainClassIsRight() {
    assertThat(JavaCommandLine.ofThisProgram(List.of("-Xmx32m")))
        .contains("-Xmx32m")
        .endsWith(Benchmarks.class.getName());
  }
}
