package dev.jev.samples.spring;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import io.netty.buffer.ByteBuf;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/**
 * An echo server beside a web server with Actuator.
 *
 * <pre>
 *   java -jar samples-spring-boot.jar --server.port=8080 --jev.server.echo.listen=tcp://:5000
 *   curl localhost:8080/actuator/health localhost:8080/actuator/jev
 * </pre>
 */
@SpringBootApplication
public class EchoApplication {

  /** Starts the application. */
  public static void main(String[] args) {
    SpringApplication.run(EchoApplication.class, args);
  }

  @Bean
  Server.Builder<ByteBuf, ByteBuf> echo() {
    return Server.builder(Protocols::bytes, Connection::send).listen("tcp://:5000");
  }
}
