package dev.jev.spring;

import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.env.Environment;

/** Explains why a property of Jev ended the start of an application. */
final class InvalidPropertyFailureAnalyzer
    extends AbstractFailureAnalyzer<InvalidPropertyException> {

  private final Environment environment;

  InvalidPropertyFailureAnalyzer(Environment environment) {
    this.environment = environment;
  }

  @Override
  protected FailureAnalysis analyze(Throwable failure, InvalidPropertyException cause) {
    StringBuilder description = new StringBuilder("A property of Jev cannot be used:\n");
    description.append("\n    Property: ").append(cause.name());
    if (cause.value() != null) {
      description.append("\n    Value: ").append(cause.value());
    }
    ConfigurationProperty property = find(cause.name());
    if (property != null && property.getOrigin() != null) {
      description.append("\n    Origin: ").append(property.getOrigin());
    }
    description.append("\n    Reason: ").append(cause.reason());
    return new FailureAnalysis(
        description.toString(), "Change the property to an expected value.", failure);
  }

  private @Nullable ConfigurationProperty find(String name) {
    ConfigurationPropertyName adapted = ConfigurationPropertyName.adapt(name, '.');
    for (ConfigurationPropertySource source : ConfigurationPropertySources.get(environment)) {
      ConfigurationProperty property = source.getConfigurationProperty(adapted);
      if (property != null) {
        return property;
      }
    }
    return null;
  }
}
