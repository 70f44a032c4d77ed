package dev.jev.spring;

import dev.jev.OverflowPolicy;
import dev.jev.Transport;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.util.unit.DataSize;

/** The properties that servers and clients have in common; null if not set. */
interface EndpointOptions {

  @Nullable Integer eventLoops();

  @Nullable Transport transport();

  @Nullable Duration blockedLoopThreshold();

  @Nullable Boolean virtualThreads();

  @Nullable Duration idleTimeout();

  @Nullable Duration handshakeTimeout();

  @Nullable Duration frameTimeout();

  @Nullable Duration closeTimeout();

  @Nullable Duration lingeringCloseTimeout();

  @Nullable DataSize maxFrameSize();

  @Nullable DataSize pendingLimit();

  @Nullable DataSize lowWatermark();

  @Nullable DataSize highWatermark();

  @Nullable OverflowPolicy overflow();

  @Nullable Boolean closeOnPackFailure();

  @Nullable Boolean tcpNoDelay();

  @Nullable Duration tcpKeepAlive();

  @Nullable DataSize sendBufferSize();

  @Nullable DataSize receiveBufferSize();
}
