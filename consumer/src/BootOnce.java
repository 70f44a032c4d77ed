import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.SpringBootVersion;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerResponse;

/** Echoes beside a web server of Spring Boot, which runs on the same Netty. */
@Configuration
@EnableAutoConfiguration
public class BootOnce {

  @Bean
  RouterFunction<ServerResponse> hello() {
    return RouterFunctions.route()
        .GET("/hello", request -> ServerResponse.ok().bodyValue("hello"))
        .build();
  }

  public static void main(String[] args) throws Exception {
    try (var context = SpringApplication.run(BootOnce.class, "--server.port=0")) {
      String port = context.getEnvironment().getProperty("local.server.port");
      var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/hello"));
      var reply = HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString());
      EchoOnce.check("reply of Spring Boot", reply.body(), "hello");
      System.out.print("Spring Boot " + SpringBootVersion.getVersion() + ", ");
      EchoOnce.main(args);
    }
  }
}
