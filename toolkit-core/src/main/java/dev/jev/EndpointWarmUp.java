package dev.jev;

import java.net.InetSocketAddress;
import java.util.List;

/** Initialization that would block an event loop, or could fail, if it happened on first use. */
final class EndpointWarmUp {

  /**
   * The classes that closing a connection needs. Without a free file descriptor they could not be
   * loaded, and no connection could be closed.
   */
  private static final List<Class<?>> CLASSES_FOR_CLOSE =
      List.of(
          LoopMember.class,
          StreamConnection.class,
          ConnectionLifecycle.class,
          ProtocolDriver.class,
          Inbound.class,
          Inbound.Paused.class,
          Outbound.class,
          Undelivered.class,
          ConnectionHost.class,
          ConnectionHost.Events.class,
          CloseReason.class,
          CloseReason.Kind.class,
          OverflowPolicy.class,
          Delivery.class,
          Delivery.Outcome.class);

  private EndpointWarmUp() {}

  static void run() {
    RateLimitedLog.warmUp();
    CLASSES_FOR_CLOSE.forEach(EndpointWarmUp::load);
    UnixAddress.from(new InetSocketAddress(0));
    Loop.ALLOCATOR.directBuffer(Loop.READ_BYTES).release();
  }

  private static void load(Class<?> type) {
    try {
      Class.forName(type.getName(), /* initialize= */ true, type.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }
}
