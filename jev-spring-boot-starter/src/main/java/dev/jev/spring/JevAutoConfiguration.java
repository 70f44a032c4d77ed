package dev.jev.spring;

import dev.jev.Client;
import dev.jev.EndpointBuilder;
import dev.jev.Server;
import dev.jev.metrics.Metrics;
import dev.jev.plugin.Drain;
import dev.jev.spring.ClientLifecycle.Target;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.boot.thread.Threading;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;

/**
 * Starts and stops the servers and clients of an application: the beans of type {@link
 * Server.Builder} and {@link Client.Builder}, and the handlers with the annotation {@link
 * JevServer}.
 */
@SuppressWarnings("exports") // nothing calls it but Spring
@AutoConfiguration(after = SslAutoConfiguration.class)
@EnableConfigurationProperties(JevProperties.class)
public final class JevAutoConfiguration {

  private static final String TIMEOUT = "spring.lifecycle.timeout-per-shutdown-phase";

  private final ConfigurableApplicationContext context;
  private final JevProperties properties;
  private final @Nullable SslBundles bundles;
  private final ObjectProvider<Metrics> metrics; // asked late, since its beans may need these

  JevAutoConfiguration(
      ConfigurableApplicationContext context,
      JevProperties properties,
      ObjectProvider<SslBundles> bundles,
      ObjectProvider<Metrics> metrics) {
    this.context = context;
    this.properties = properties;
    this.bundles = bundles.getIfAvailable();
    this.metrics = metrics;
  }

  @Bean
  JevServers jevServers() {
    return new JevServers();
  }

  @Bean
  JevClients jevClients() {
    return new JevClients();
  }

  @Bean
  ServerLifecycle jevServerLifecycle(JevServers servers) {
    return new ServerLifecycle(context, this::serverBuilders, this::newDrain, servers);
  }

  @Bean
  ClientLifecycle jevClientLifecycle(JevClients clients) {
    return new ClientLifecycle(this::clientTargets, clients);
  }

  private Map<String, Server.Builder<?, ?>> serverBuilders() {
    NamedOptions<ServerOptions> options = new NamedOptions<>("jev.server", properties.server());
    AnnotatedHandlers handlers = new AnnotatedHandlers(context.getBeanFactory());
    List<String> names =
        new ArrayList<>(List.of(context.getBeanNamesForType(Server.Builder.class)));
    names.addAll(handlers.names());
    options.requireBeans(names);
    Map<String, Server.Builder<?, ?>> builders = new LinkedHashMap<>();
    for (String name : names) {
      Server.Builder<?, ?> builder =
          context.isTypeMatch(name, Server.Builder.class)
              ? context.getBean(name, Server.Builder.class)
              : handlers.builder(name);
      setter(options.prefixOf(name)).apply(builder, options.find(name));
      measure(name, builder);
      builders.put(name, builder);
    }
    return builders;
  }

  private Map<String, Target> clientTargets() {
    NamedOptions<ClientOptions> options = new NamedOptions<>("jev.client", properties.client());
    List<String> names = List.of(context.getBeanNamesForType(Client.Builder.class));
    options.requireBeans(names);
    Map<String, Target> targets = new LinkedHashMap<>();
    for (String name : names) {
      Client.Builder<?, ?> builder = context.getBean(name, Client.Builder.class);
      ClientOptions own = options.find(name);
      setter(options.prefixOf(name)).apply(builder, own);
      measure(name, builder);
      if (own == null || own.uri() == null) {
        throw new StartException(
            "client " + name,
            "it has no address",
            "Set jev.client." + name + ".uri, for example to tcp://localhost:5000.",
            /* cause= */ null);
      }
      targets.put(name, new Target(builder, own.uri()));
    }
    return targets;
  }

  private BuilderOptions setter(String prefix) {
    return new BuilderOptions(
        prefix,
        bundles,
        Threading.VIRTUAL.isActive(context.getEnvironment()),
        metrics.getIfAvailable());
  }

  /** Gives a server or client the name of its bean, and measures it under this name. */
  private void measure(String name, EndpointBuilder<?, ?, ?> builder) {
    builder.name(name);
    metrics.ifAvailable(each -> builder.removePlugins(plugin -> plugin.equals(each)).plugin(each));
  }

  /** Returns a drain that ends before the application stops waiting for it. */
  private Drain newDrain() {
    Duration timeout =
        Binder.get(context.getEnvironment())
            .bind(TIMEOUT, Duration.class)
            .orElse(Duration.ofSeconds(30));
    Duration margin = timeout.dividedBy(4);
    Duration second = Duration.ofSeconds(1);
    JevProperties.Shutdown shutdown = properties.shutdown();
    try {
      return Drain.builder()
          .withoutShutdownHook()
          .acceptTime(shutdown.acceptTime())
          .spread(shutdown.spread())
          .deadline(timeout.minus(margin.compareTo(second) < 0 ? margin : second))
          .build();
    } catch (IllegalArgumentException e) {
      throw new InvalidPropertyException(
          "jev.shutdown.*",
          "accept-time " + shutdown.acceptTime() + ", spread " + shutdown.spread(),
          e.getMessage() + "; the deadline follows from " + TIMEOUT + ": " + timeout,
          e);
    }
  }
}
