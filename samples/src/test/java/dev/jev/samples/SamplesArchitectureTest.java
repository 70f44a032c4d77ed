package dev.jev.samples;

import dev.jev.ProgramRules;
import org.junit.jupiter.api.Test;

class SamplesArchitectureTest {

  @Test
  void testsStartProcessesWithProgram() {
    ProgramRules.check("dev.jev.samples");
  }
}
