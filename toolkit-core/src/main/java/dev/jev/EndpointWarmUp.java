package dev.jev;

import java.net.InetSocketAddress;
import java.util.List;

/**
 * What would block an event loop, or fail, if it were done for the first time when it is needed.
 */
final class EndpointWarmUp {

  /** Without a file descriptor left they could not be loaded, and nothing could be closed. */
  private static final List<Class<?>> CLASSES_OF_A_CLOSE =
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
    CLASSES_OF_A_CLOSE.forEach(EndpointWarmUp::load);
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
