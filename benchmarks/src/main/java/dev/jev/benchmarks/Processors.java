package dev.jev.benchmarks;

/**
 * Processor seconds: of the server, of the load, and of the whole machine.
 *
 * @param server user and system time of all threads of the server process
 * @param load the same of the process or processes that load it
 * @param machine time in which any core was not idle
 */
record Processors(double server, double load, double machine) {

  /** What was used so far, {@code load} being the calling process; {@code serverPid} 0 is none. */
  static Processors read(long serverPid) {
    return new Processors(
        serverPid == 0 ? 0 : Proc.processorSeconds(serverPid),
        Proc.processorSeconds(ProcessHandle.current().pid()),
        Proc.machineSeconds());
  }

  /** What was used so far, {@code load} being the calling process's children that have ended. */
  static Processors readWithEndedChildren(long serverPid) {
    return new Processors(
        Proc.processorSeconds(serverPid), Proc.endedChildrenSeconds(), Proc.machineSeconds());
  }

  Processors since(Processors earlier) {
    return new Processors(server - earlier.server, load - earlier.load, machine - earlier.machine);
  }

  /** What neither the server nor the load used: other people's work, which disturbs. */
  double others() {
    return Math.max(0, machine - server - load);
  }
}
