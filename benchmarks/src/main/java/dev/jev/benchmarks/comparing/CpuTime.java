package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.ProcFs;

/**
 * CPU time in seconds: of the server, of the load, and of the whole machine.
 *
 * @param server user and system time of all threads of the server process
 * @param load user and system time of the process or processes of the load
 * @param machine time in which the cores were not idle, summed over all cores
 */
record CpuTime(double server, double load, double machine) {

  /**
   * Returns the CPU time used so far. The load is this process; a {@code serverPid} of 0 means no
   * server.
   */
  static CpuTime read(long serverPid) {
    return new CpuTime(
        serverPid == 0 ? 0 : ProcFs.processorSeconds(serverPid),
        ProcFs.processorSeconds(ProcessHandle.current().pid()),
        ProcFs.machineSeconds());
  }

  /** Returns the CPU time used so far. The load is the ended children of this process. */
  static CpuTime readWithEndedChildren(long serverPid) {
    return new CpuTime(
        ProcFs.processorSeconds(serverPid), ProcFs.endedChildrenSeconds(), ProcFs.machineSeconds());
  }

  CpuTime since(CpuTime earlier) {
    return new CpuTime(server - earlier.server, load - earlier.load, machine - earlier.machine);
  }

  /**
   * Returns the CPU time that neither the server nor the load used: that of other processes, which
   * disturb the measurement.
   */
  double others() {
    return Math.max(0, machine - server - load);
  }
}
