package dev.jev.spring;

import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Adds the health of the servers, and the endpoint {@code jev}, to Actuator. */
@SuppressWarnings("exports") // nothing calls it but Spring
@AutoConfiguration(after = JevAutoConfiguration.class)
public final class JevActuatorAutoConfiguration {

  JevActuatorAutoConfiguration() {}

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass({HealthIndicator.class, ConditionalOnEnabledHealthIndicator.class})
  static class HealthConfiguration {

    @Bean
    @ConditionalOnEnabledHealthIndicator("jev")
    @ConditionalOnMissingBean(name = "jevHealthIndicator")
    JevHealthIndicator jevHealthIndicator(JevServers servers) {
      return new JevHealthIndicator(servers);
    }
  }

  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass({Endpoint.class, ConditionalOnAvailableEndpoint.class})
  static class EndpointConfiguration {

    @Bean
    @ConditionalOnAvailableEndpoint(JevEndpoint.class)
    @ConditionalOnMissingBean
    JevEndpoint jevEndpoint(JevServers servers, JevClients clients) {
      return new JevEndpoint(servers, clients);
    }
  }
}
