package dev.jev.test;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import org.junit.jupiter.api.Test;

/** The plain call and the fixtures need neither JUnit nor AssertJ. */
class WithoutJunitTest {

  @Test
  void worksWithoutJunit() throws Exception {
    String classPath = Program.classPathWithout("/(junit|assertj)[^/]*$");
    try (Program program = Program.java("-cp", classPath, WithoutJunit.class.getName())) {
      assertThat(program.exitStatus()).as(() -> program.errors().toString()).isZero();
      assertThat(program.output()).contains("passed");
    }
  }
}
