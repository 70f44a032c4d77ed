package dev.jev.spring.guide;

import dev.jev.Handler;
import dev.jev.spring.JevServer;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.context.annotation.Bean;

/** The code of README.md that needs Spring. */
@TestConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
class ReadmeBeans {

  // region bean
  @Bean
  @JevServer(protocol = ShortTexts.class, listen = "tcp://:5000") // or jev.server.greeter.listen
  Handler<String, String> greeter() {
    return Handler.replying(name -> "hello " + name);
  }
  // endregion
}
