package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.kqueue.KQueueDomainSocketChannel;
import io.netty.channel.unix.PeerCredentials;
import io.netty.channel.uring.IoUringDomainSocketChannel;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The credentials of the process at the other end of a unix socket, as reported by the kernel.
 *
 * <p>Available as {@code connection.attribute(UnixPeer.class)} from {@link Handler#onConnect} on.
 * Not available with the NIO transport, since the JDK does not report credentials.
 *
 * @param pid the process id at the time of the connect; 0 if the platform does not report it
 * @param uid the effective user id at the time of the connect
 * @param gid the effective group id at the time of the connect
 */
public record UnixPeer(int pid, int uid, int gid) {

  /** Returns the peer of an accepted connection, or null if it is not known. */
  static @Nullable UnixPeer of(Channel accepted) throws IOException {
    PeerCredentials peer = credentials(accepted);
    return peer == null ? null : new UnixPeer(Math.max(peer.pid(), 0), peer.uid(), gid(peer));
  }

  private static @Nullable PeerCredentials credentials(Channel accepted) throws IOException {
    if (accepted instanceof EpollDomainSocketChannel epoll) {
      return epoll.peerCredentials();
    }
    if (accepted instanceof IoUringDomainSocketChannel uring) {
      return uring.peerCredentials();
    }
    return accepted instanceof KQueueDomainSocketChannel kqueue ? kqueue.peerCredentials() : null;
  }

  /** Returns the first group id, on Linux the only one; -1 if there is none. */
  private static int gid(PeerCredentials peer) {
    int[] all = peer.gids();
    return all.length == 0 ? -1 : all[0];
  }
}
