package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.ChildProcesses;
import java.util.Random;

/** One fault or limit and what is expected of a server that meets it. */
record TortureRow(String number, String what, String expected, Action action) {

  /** Does it. */
  interface Action {
    void run(ChildProcesses children, Random random, Outcome outcome) throws Exception;
  }
}
