package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullAndEmptySource;
import org.opentest4j.TestAbortedException;

class ProgramTest {

  @ParameterizedTest
  @NullAndEmptySource
  void testWithoutItsProgramIsSkipped(String ci) {
    assertThatThrownBy(() -> Program.skip("nc", Program.debianPackage("nc"), ci))
        .isInstanceOf(TestAbortedException.class)
        .hasMessage("nc is not installed (Debian package: netcat-openbsd)");
  }

  @Test
  void testWithoutItsProgramFailsInCi() {
    assertThatThrownBy(() -> Program.skip("nc", Program.debianPackage("nc"), "true"))
        .isInstanceOf(AssertionError.class)
        .hasMessage("nc is not installed (Debian package: netcat-openbsd), although CI is set");
  }

  @Test
  @CallsPrograms
  void programMustBeListed() {
    assertThatThrownBy(() -> Program.start("no-such-program"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("no-such-program in programs.properties");
  }

  @Test
  @CallsPrograms
  void outputErrorsAndStatusAreThoseOfTheProgram() throws Exception {
    try (Program sh = Program.start("sh", "-c", "read x; echo $x; echo two; echo no >&2; exit 3")) {
      sh.types("one\n");
      assertThat(sh.line()).isEqualTo("one");
      assertThat(sh.exitStatus()).isEqualTo(3);
      assertThat(sh.output()).containsExactly("two");
      assertThat(sh.errors()).containsExactly("no");
    }
    String input = "x".repeat(1_000_000); // more than a pipe takes
    assertThat(Program.run(input.getBytes(US_ASCII), "sh", "-c", "cat; cat >&2"))
        .hasSize(1_000_000);
    assertThatThrownBy(() -> Program.run(new byte[0], "sh", "-c", "echo no >&2; exit 3"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("sh: [no]");
  }

  @Test
  @CallsPrograms
  void reportsOnEventLoopsThatTheMachineHoldsUpAreNoErrors() throws Exception {
    String log =
        """
        first
        Nov 30, 2026 12:48:49 AM dev.jev.RateLimitedLog write
        WARNING: event loop jev-loop-1-1 has been blocked for 523 ms
        java.lang.Throwable: stack of the blocked event loop
        \tat java.base@17.0.15/java.util.Random.nextInt(Random.java:323)
        \tat java.base@17.0.15/java.lang.Thread.run(Thread.java:840)

        Nov 30, 2026 12:48:49 AM dev.jev.RateLimitedLog write
        WARNING: handler has failed
        Nov 30, 2026 12:48:49 AM dev.jev.RateLimitedLog write
        WARNING: event loop jev-loop-1-1 resumed after 1277 ms
        last
        """;
    try (Program sh = Program.start("sh", "-c", "cat >&2")) {
      sh.types(log);
      assertThat(sh.exitStatus()).isZero();
      assertThat(sh.errors())
          .containsExactly(
              "first",
              "Nov 30, 2026 12:48:49 AM dev.jev.RateLimitedLog write",
              "WARNING: handler has failed",
              "last");
    }
  }

  @Test
  @CallsPrograms
  void programMayEndBeforeItsInput() throws Exception {
    try (Program sh = Program.start("sh", "-c", "echo no >&2; exit 3")) {
      assertThat(sh.exitStatus()).isEqualTo(3);
      assertThat(sh.typesAndWaits("one\n").types("two\n").errors()).containsExactly("no");
    }
  }
}
