package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;

/** The handler of a server's socket: takes what the kernel has queued. */
interface ServerIntake extends ChannelHandler {

  /** Stops or resumes taking. Event loop only. */
  void pause(Channel socket, boolean pause);

  /** Returns how many connections or datagrams have been taken. Any thread. */
  long taken();
}
