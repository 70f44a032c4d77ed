package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.ChildProcesses;
import java.util.Random;

/** One fault or limit, and the behavior expected of a server. */
record TortureRow(String number, String what, String expected, Action action) {

  /** The action of a row: causes the fault and records the outcome. */
  interface Action {
    void run(ChildProcesses children, Random random, Outcome outcome) throws Exception;
  }
}
