package dev.jev;

import java.time.Duration;

/** A server or client, as its event loops and their watchdog see it. */
interface EventLoopsUser {

  /** Begins to stop; what is open after {@code grace} is closed at once. Any thread. */
  void stop(Duration grace);

  /** Waits for the end of the stop. */
  void awaitUninterruptibly();

  /** Handles the death of the thread of an event loop. */
  void loopDied(Throwable cause);

  /** Reports on the watchdog's thread for how long a task of an event loop has waited. */
  void loopLagged(Thread loop, Duration lag);

  /** Reports on the watchdog's thread that an event loop is blocked. */
  void loopBlocked(Thread loop, Duration time);
}
