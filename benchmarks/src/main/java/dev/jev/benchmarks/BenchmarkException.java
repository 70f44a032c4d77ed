package dev.jev.benchmarks;

/** A measurement that cannot be trusted or taken; its message is all that a reader needs. */
final class BenchmarkException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  BenchmarkException(String message) {
    super(message);
  }
}
