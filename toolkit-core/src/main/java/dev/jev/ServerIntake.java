package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;

/** The channel handler of a listening socket, which takes connections or datagrams from it. */
interface ServerIntake extends ChannelHandler {

  /** Pauses or resumes reading from the socket. Event loop only. */
  void pause(Channel socket, boolean pause);

  /** Closes the socket, after what it has to send. Any thread. */
  default void close(Channel socket) {
    socket.close();
  }

  /** Returns the number of connections or datagrams taken so far. Any thread. */
  long taken();
}
