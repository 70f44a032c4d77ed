package dev.jev;

/** An object of which each event loop has one, and which ends with it; see {@link Loop#service}. */
interface LoopService {

  /** Releases everything; the last call on the loop's thread. */
  void end();
}
