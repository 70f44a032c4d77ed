package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.ProcFs;

/**
 * Processor seconds: of the server, of the load, and of the whole machine.
 *
 * @param server user and system time of all threads of the server process
 * @param load the same of the process or processes that load it
 * @param machine time in which any core was not idle
 */
record CpuTime(double server, double load, double machine) {

  /** What was used so far, {@code load} being the calling process; {@code serverPid} 0 is none. */
  static CpuTime read(long serverPid) {
    return new CpuTime(
        serverPid == 0 ? 0 : ProcFs.processorSeconds(serverPid),
        ProcFs.processorSeconds(ProcessHandle.current().pid()),
        ProcFs.machineSeconds());
  }

  /** What was used so far, {@code load} being the calling process's children that have ended. */
  static CpuTime readWithEndedChildren(long serverPid) {
    return new CpuTime(
        ProcFs.processorSeconds(serverPid), ProcFs.endedChildrenSeconds(), ProcFs.machineSeconds());
  }

  CpuTime since(CpuTime earlier) {
    return new CpuTime(server - earlier.server, load - earlier.load, machine - earlier.machine);
  }

  /** What neither the server nor the load used: other people's work, which disturbs. */
  double others() {
    return Math.max(0, machine - server - load);
  }
}
