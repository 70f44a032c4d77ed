package dev.jev;

import java.lang.invoke.MethodHandles;
import java.net.InetSocketAddress;
import java.util.List;

/** Initialization that would block an event loop, or could fail, if it happened on first use. */
final class EndpointWarmUp {

  /**
   * The classes that accepting and closing a connection needs. Without a free file descriptor they
   * could not be loaded, and no connection could be closed.
   */
  private static final List<Class<?>> CLASSES =
      List.of(
          ConnectionFactory.class,
          UnixInputEnd.class,
          UnixInputEnd.EndHandle.class,
          Attributes.class,
          SocketAddresses.class,
          LoopService.class,
          LoopMember.class,
          StreamConnection.class,
          ConnectionLifecycle.class,
          CloseTasks.class,
          ProtocolDriver.class,
          DeadlineWheel.class,
          FrameDeadline.class,
          Inbound.class,
          Inbound.Paused.class,
          PackedOutput.class,
          Outbound.class,
          Undelivered.class,
          Completions.class,
          ConnectionHost.class,
          ConnectionHost.Events.class,
          CloseReason.class,
          CloseReason.Kind.class,
          OverflowPolicy.class,
          Delivery.class,
          Delivery.Outcome.class);

  static {
    RateLimitedLog.warmUp();
    CLASSES.forEach(EndpointWarmUp::initialize);
    UnixAddress.from(new InetSocketAddress(0));
    Loop.ALLOCATOR.directBuffer(Loop.READ_BYTES).release();
  }

  private EndpointWarmUp() {}

  /** Returns when the initialization is done; it happens once per process. */
  static void run() {}

  private static void initialize(Class<?> type) {
    try {
      MethodHandles.lookup().ensureInitialized(type);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }
}
