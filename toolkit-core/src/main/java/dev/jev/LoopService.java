package dev.jev;

/** An object that exists once per event loop and ends with it; see {@link Loop#service}. */
interface LoopService {

  /** Releases all resources. Called on the loop's thread when the loop ends. */
  void end();
}
