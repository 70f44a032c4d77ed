package dev.jev.plugin;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import io.netty.channel.Channel;

/**
 * The connection as seen by one of its limits.
 *
 * <p><b>Threads.</b> Event loop only.
 */
interface LimitContext {

  /** The plugin link of the connection. */
  Plugin.Link link();

  /** The channel of the connection. */
  Channel channel();

  /** Pauses reading. Calls nest: reading resumes after as many calls of {@link #resumeReading}. */
  void pauseReading();

  /** Ends one pause. */
  void resumeReading();

  /** Closes the connection because it exceeds the limit that is named {@code limit}. */
  void close(CloseReason.Kind kind, String limit, String message);

  /** Closes the connection because it exceeds a limit, and drops its pending output. */
  void abort(CloseReason.Kind kind, String limit, String message);
}
