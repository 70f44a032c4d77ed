/**
 * Servers and clients in a Spring Boot application.
 *
 * <p>Spring's jars are automatic modules. Those of Actuator are optional.
 */
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"})
module dev.jev.spring {
  requires transitive dev.jev;
  requires transitive dev.jev.metrics;
  requires transitive spring.context;
  requires spring.beans;
  requires spring.boot;
  requires spring.boot.autoconfigure;
  requires spring.core;
  requires static com.fasterxml.jackson.annotation; // on classes of Actuator
  requires static spring.boot.actuator;
  requires static spring.boot.actuator.autoconfigure;
  requires static spring.boot.health;
  requires static transitive org.jspecify;

  exports dev.jev.spring;

  // Spring creates the beans, and binds the properties.
  opens dev.jev.spring;
}
