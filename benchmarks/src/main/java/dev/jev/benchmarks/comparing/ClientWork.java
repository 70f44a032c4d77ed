package dev.jev.benchmarks.comparing;

/** The work of a client that is measured: messages to a server, and their answers. */
interface ClientWork extends AutoCloseable {

  /** Works for a while, checks all answers, and returns their number. */
  long run(long millis) throws Exception;

  @Override
  void close();
}
