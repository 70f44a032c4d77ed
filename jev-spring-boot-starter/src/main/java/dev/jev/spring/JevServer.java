package dev.jev.spring;

import dev.jev.Protocol;
import dev.jev.Server;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.stereotype.Component;

/**
 * Makes a bean that is a {@link dev.jev.Handler} the handler of a server.
 *
 * <pre>
 *   &#64;JevServer(protocol = ShortTexts.class, listen = "tcp://:5000")
 *   class Greeter implements Handler&lt;String, String&gt; { ... }
 * </pre>
 *
 * <p>The name of the server is that of the bean: {@code jev.server.greeter.listen} replaces the
 * address. A server whose protocol has options is a bean of type {@link Server.Builder} instead.
 *
 * <p>On a class, this annotation also makes it a component. On a method with {@code @Bean}, the
 * name of the bean is that of the method.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Component
public @interface JevServer {

  /**
   * Returns the class of the protocol. It needs a constructor without parameters, which is called
   * once per connection.
   */
  Class<? extends Protocol<?, ?>> protocol();

  /**
   * Returns the addresses to listen on, as for {@link Server.Builder#listen}; none if they are in
   * the property {@code jev.server.<name>.listen}. Placeholders such as <code>${port}</code> are
   * replaced.
   */
  String[] listen() default {};
}
