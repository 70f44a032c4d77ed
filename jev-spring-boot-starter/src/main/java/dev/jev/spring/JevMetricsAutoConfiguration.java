package dev.jev.spring;

import dev.jev.Topic;
import dev.jev.metrics.Metrics;
import dev.jev.plugin.Limits;
import dev.jev.plugin.Tls;
import io.micrometer.core.instrument.MeterRegistry;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;

/**
 * Measures servers and clients, and the beans that are topics, limits or TLS plugins, if the
 * application has a {@link MeterRegistry}.
 */
@SuppressWarnings("exports") // nothing calls it but Spring
@AutoConfiguration(
    before = JevAutoConfiguration.class,
    afterName = {
      "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration",
      "org.springframework.boot.micrometer.metrics.autoconfigure.export.simple.SimpleMetricsExportAutoConfiguration"
    })
@ConditionalOnBean(MeterRegistry.class)
public final class JevMetricsAutoConfiguration {

  JevMetricsAutoConfiguration() {}

  @Bean
  @ConditionalOnMissingBean
  Metrics jevMetrics(
      MeterRegistry registry,
      ObjectProvider<Topic<?>> topics,
      ObjectProvider<Limits> limits,
      ObjectProvider<Tls> tls) {
    Metrics metrics = Metrics.of(registry);
    topics.forEach(metrics::bind);
    limits.forEach(metrics::bind);
    tls.forEach(metrics::bind);
    return metrics;
  }
}
