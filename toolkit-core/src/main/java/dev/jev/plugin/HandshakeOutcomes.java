package dev.jev.plugin;

import dev.jev.CloseReason;
import java.net.SocketAddress;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiConsumer;

/**
 * Counts the handshakes of a {@link Tls} by outcome, and reports the peers that this end refuses.
 *
 * <p><b>Threads.</b> Any.
 */
final class HandshakeOutcomes {

  private final BiConsumer<SocketAddress, CloseReason> onRefused;
  private final LongAdder completed = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final LongAdder timedOut = new LongAdder();
  private final LongAdder left = new LongAdder();

  HandshakeOutcomes(BiConsumer<SocketAddress, CloseReason> onRefused) {
    this.onRefused = onRefused;
  }

  void completed() {
    completed.increment();
  }

  /** Counts a connection that was closed during the handshake. */
  void failed(SocketAddress peer, CloseReason reason) {
    switch (reason.kind()) {
      case PROTOCOL_ERROR -> refuse(refused, peer, reason);
      case TIMEOUT -> refuse(timedOut, peer, reason);
      case PEER_CLOSED, IO_ERROR -> left.increment();
      default -> {} // this end has closed the connection, but not because of the handshake
    }
  }

  private void refuse(LongAdder counter, SocketAddress peer, CloseReason reason) {
    counter.increment();
    onRefused.accept(peer, reason);
  }

  Tls.Handshakes sum() {
    return new Tls.Handshakes(completed.sum(), refused.sum(), timedOut.sum(), left.sum());
  }
}
