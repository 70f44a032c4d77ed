package dev.jev.benchmarks.comparing;

/** What keeps a server busy while it is measured. */
interface Load {

  /** Checks that the server does the work at all, and leaves in it what the load needs. */
  void prepare(ServerProcess server);

  /** Loads the server for both durations and measures the second. */
  Sample run(ServerProcess server, double warmupSeconds, double seconds);
}
