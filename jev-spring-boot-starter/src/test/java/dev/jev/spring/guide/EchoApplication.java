package dev.jev.spring.guide;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import io.netty.buffer.ByteBuf;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

// region server
@SpringBootApplication
public class EchoApplication {

  public static void main(String[] args) {
    SpringApplication.run(EchoApplication.class, args);
  }

  @Bean
  Server.Builder<ByteBuf, ByteBuf> echo() {
    return Server.builder(Protocols::bytes, Connection::send).listen("tcp://:5000");
  }
}
// endregion
