package dev.jev;

/** An object that exists once per event loop and ends with it; see {@link Loop#service}. */
interface LoopService {

  /**
   * Runs a task on the event loop, behind everything that was queued in this service before;
   * returns false, and does nothing, if nothing is queued. Any thread.
   */
  boolean runBehind(Runnable task);

  /** Releases all resources. Called on the loop's thread when the loop ends. */
  void end();
}
