package dev.jev.benchmarks.comparing;

/** A load on a server that is measured. */
interface Load {

  /** Checks that the server works, and stores the data there that the load needs. */
  void prepare(ServerProcess server);

  /** Loads the server for both durations and measures the second one. */
  Sample run(ServerProcess server, double warmupSeconds, double seconds);
}
