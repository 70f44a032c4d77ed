package dev.jev.benchmarks.shared;

/** A measurement that cannot be trusted or taken; its message is all that a reader needs. */
public final class BenchmarkException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public BenchmarkException(String message) {
    super(message);
  }
}
