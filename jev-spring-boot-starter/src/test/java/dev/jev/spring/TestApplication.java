package dev.jev.spring;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.Topic;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** An application with servers of all kinds beside a web server. */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(TestApplication.Greeter.class)
class TestApplication {

  static final String[] ADDRESSES = {
    "jev.server.echo.listen=tcp://127.0.0.1:0",
    "jev.server.chat.listen=tcp://127.0.0.1:0",
    "jev.client.upstream.uri=tcp://127.0.0.1:1",
    "server.port=0",
  };

  /** A component, as a scan finds it. */
  @JevServer(protocol = Texts.class, listen = "tcp://127.0.0.1:${greeter.port:0}")
  static final class Greeter implements Handler<String, String> {
    @Override
    public void onMessage(Connection<String> connection, String name) {
      connection.send("hello " + name);
    }
  }

  @Bean
  @JevServer(protocol = Texts.class, listen = "tcp://127.0.0.1:0")
  Handler<String, String> upperCase() {
    return Handler.replying(text -> text.toUpperCase(java.util.Locale.ROOT));
  }

  @Bean
  Topic<String> news() {
    return Topic.of("news");
  }

  @Bean
  Server.Builder<String, String> echo() {
    return Server.builder(Texts::new, Connection::send);
  }

  @Bean
  Server.Builder<WebSocketMessage, WebSocketMessage> chat() {
    Handler<WebSocketMessage, WebSocketMessage> echo = Connection::send;
    return Server.builder(WebSocketProtocol.server().path("/chat").build(), echo);
  }

  @Bean
  Client.Builder<String, String> upstream() {
    return Client.builder(Texts::new, (Connection<String> c, String text) -> {}).reconnect();
  }
}
