/**
 * Metrics of servers and clients with Micrometer, and an endpoint for Prometheus and health checks.
 *
 * <p>Start with {@link dev.jev.metrics.Metrics}, a plugin, and {@link
 * dev.jev.metrics.MetricsServer}.
 */
@NullMarked
package dev.jev.metrics;

import org.jspecify.annotations.NullMarked;
