package dev.jev.metrics;

import com.sun.management.UnixOperatingSystemMXBean;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocatorMetric;
import java.lang.management.ManagementFactory;

/** The meters of the process: file descriptors and direct memory. */
final class ProcessMeters {

  private ProcessMeters() {}

  static void register(MeterRegistry registry) {
    if (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix) {
      Gauge.builder("jev.files.open", unix, UnixOperatingSystemMXBean::getOpenFileDescriptorCount)
          .description("Open file descriptors of the process")
          .baseUnit("files")
          .strongReference(true)
          .register(registry);
      Gauge.builder("jev.files.max", unix, UnixOperatingSystemMXBean::getMaxFileDescriptorCount)
          .description("Maximum number of file descriptors of the process")
          .baseUnit("files")
          .strongReference(true)
          .register(registry);
    }
    Gauge.builder(
            "jev.memory.direct",
            PooledByteBufAllocator.DEFAULT.metric(),
            PooledByteBufAllocatorMetric::usedDirectMemory)
        .description("Direct memory that Netty's allocator has reserved for the buffers")
        .baseUnit("bytes")
        .strongReference(true)
        .register(registry);
  }
}
