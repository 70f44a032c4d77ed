package dev.jev.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileNotFoundException;
import org.junit.jupiter.api.Test;

/** Findings about transports and providers. */
class DoctorTest {

  @Test
  void missingArtifactIsNamed() {
    Throwable missing = new FileNotFoundException("io.netty:some-native is not on the class path");
    assertThat(Doctor.availability(missing))
        .isEqualTo("not available: io.netty:some-native is not on the class path");
  }

  @Test
  void otherCauseHasItsClass() {
    Throwable cause = new UnsatisfiedLinkError("no such library\nand details");
    assertThat(Doctor.availability(new RuntimeException(cause)))
        .isEqualTo("not available: java.lang.UnsatisfiedLinkError: no such library");
    assertThat(Doctor.availability(null)).isEqualTo("available");
  }
}
