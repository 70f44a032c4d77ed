package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.kqueue.KQueueDomainSocketChannel;
import io.netty.channel.unix.PeerCredentials;
import io.netty.channel.uring.IoUringDomainSocketChannel;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The process at the other end of a unix socket, as the kernel knows it: {@code
 * connection.attribute(UnixPeer.class)}, from {@link Handler#onConnect} on. Not there with NIO,
 * since the JDK does not tell.
 *
 * @param pid its process id when it connected; 0 if the platform does not tell
 * @param uid its effective user id when it connected
 * @param gid its effective group id when it connected
 */
public record UnixPeer(int pid, int uid, int gid) {

  /** The peer of an accepted connection, or null if it is not known. */
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

  /** On Linux there is exactly one. */
  private static int gid(PeerCredentials peer) {
    int[] all = peer.gids();
    return all.length == 0 ? -1 : all[0];
  }
}
