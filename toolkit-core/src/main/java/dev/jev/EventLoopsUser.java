package dev.jev;

import java.time.Duration;

/** A server or client as its event loops and their watchdog see it. */
interface EventLoopsUser {

  /** Begins to stop; connections still open after {@code grace} are closed at once. Any thread. */
  void stop(Duration grace);

  /** Waits until the user has stopped. */
  void awaitUninterruptibly();

  /** Handles the death of the thread of an event loop. */
  void loopDied(Throwable cause);

  /** Called on the watchdog's thread with the time that a task waited for an event loop. */
  void loopLagged(Thread loop, Duration lag);

  /** Called on the watchdog's thread with the time that an event loop has been blocked. */
  void loopBlocked(Thread loop, Duration time);
}
