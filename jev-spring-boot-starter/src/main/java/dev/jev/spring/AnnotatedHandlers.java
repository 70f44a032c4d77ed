package dev.jev.spring;

import static java.util.Objects.requireNonNull;

import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import java.lang.reflect.Constructor;
import java.util.ArrayList;
import java.util.List;
import org.springframework.beans.BeanUtils;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.core.ResolvableType;

/** The handlers with the annotation {@link JevServer}. */
final class AnnotatedHandlers {

  private final ConfigurableListableBeanFactory beans;

  AnnotatedHandlers(ConfigurableListableBeanFactory beans) {
    this.beans = beans;
  }

  /** Returns the names of the beans. */
  List<String> names() {
    return List.of(beans.getBeanNamesForAnnotation(JevServer.class));
  }

  /**
   * Returns the builder of the server of a handler.
   *
   * @throws StartException if the handler or the annotation cannot be used
   */
  Server.Builder<?, ?> builder(String name) {
    JevServer annotation = requireNonNull(beans.findAnnotationOnBean(name, JevServer.class));
    try {
      if (!(beans.getBean(name) instanceof Handler<?, ?> handler)) {
        throw new IllegalArgumentException(
            "bean " + name + ": " + beans.getType(name) + " (expected: a dev.jev.Handler)");
      }
      requireSameMessages(name, annotation.protocol());
      Server.Builder<?, ?> builder = builder(annotation.protocol(), handler);
      addresses(annotation).forEach(builder::listen);
      return builder;
    } catch (IllegalArgumentException e) {
      throw new StartException(
          "server " + name,
          String.valueOf(e.getMessage()),
          "Correct the annotation @JevServer, or the bean.",
          e);
    }
  }

  @SuppressWarnings("unchecked") // requireSameMessages has checked what is known of the types
  private static Server.Builder<?, ?> builder(
      Class<? extends Protocol<?, ?>> protocol, Handler<?, ?> handler) {
    Constructor<?> constructor = constructor(protocol);
    return Server.builder(
        () -> (Protocol<Object, Object>) BeanUtils.instantiateClass(constructor),
        (Handler<Object, Object>) handler);
  }

  private static Constructor<?> constructor(Class<?> protocol) {
    try {
      Constructor<?> constructor = protocol.getDeclaredConstructor();
      BeanUtils.instantiateClass(constructor);
      return constructor;
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw new IllegalArgumentException(
          "protocol: "
              + protocol.getName()
              + " (expected: a class with a constructor without parameters)",
          e);
    }
  }

  private List<String> addresses(JevServer annotation) {
    List<String> addresses = new ArrayList<>();
    for (String address : annotation.listen()) {
      addresses.add(requireNonNull(beans.resolveEmbeddedValue(address)));
    }
    return addresses;
  }

  /** Compares the types of messages, as far as they are declared. */
  private void requireSameMessages(String name, Class<? extends Protocol<?, ?>> protocol) {
    ResolvableType made = ResolvableType.forClass(protocol).as(Protocol.class);
    ResolvableType taken = beans.getMergedBeanDefinition(name).getResolvableType();
    taken = taken.as(Handler.class);
    requireAssignable("inbound", protocol, made.getGeneric(0), taken.getGeneric(0));
    requireAssignable("outbound", protocol, taken.getGeneric(1), made.getGeneric(1));
  }

  private static void requireAssignable(
      String direction, Class<?> protocol, ResolvableType from, ResolvableType to) {
    Class<?> source = from.resolve();
    Class<?> target = to.resolve();
    if (source != null && target != null && !target.isAssignableFrom(source)) {
      throw new IllegalArgumentException(
          direction
              + " messages: "
              + source.getName()
              + " (expected: "
              + target.getName()
              + ") with protocol "
              + protocol.getName());
    }
  }
}
