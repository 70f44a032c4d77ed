package dev.jev.benchmarks.shared;

/** A measurement that failed or cannot be trusted. Only its message is reported, no stack trace. */
public final class BenchmarkException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Creates an exception with a message for the reader of the report. */
  public BenchmarkException(String message) {
    super(message);
  }
}
