package dev.jev.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.plugin.TlsSession;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** TLS with the bundles of Spring Boot. */
class SslBundleTest {

  private static final String WEB = "--spring.ssl.bundle.pem.web.";

  @TempDir private Path directory;
  private X509Bundle authority;
  private final List<ConfigurableApplicationContext> contexts = new ArrayList<>();

  @BeforeEach
  void certify() throws Exception {
    authority =
        new CertificateBuilder()
            .subject("CN=authority")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    Files.writeString(directory.resolve("authority.pem"), authority.getRootCertificatePEM());
    write("web", "first");
  }

  @AfterEach
  void close() throws Exception {
    Collections.reverse(contexts); // clients first
    contexts.forEach(ConfigurableApplicationContext::close);
    Eventually.noServerThreadIsLeft();
  }

  /** Writes a certificate and its key to files. */
  private void write(String file, String subject) throws Exception {
    X509Bundle bundle =
        new CertificateBuilder()
            .ecp256()
            .subject("CN=" + subject)
            .addSanDnsName("localhost")
            .buildIssuedBy(authority);
    Files.writeString(directory.resolve(file + ".pem"), bundle.getCertificatePathPEM());
    Files.writeString(directory.resolve(file + ".key"), bundle.getPrivateKeyPEM());
  }

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class EchoApplication {
    @Bean
    Server.Builder<String, String> echo() {
      return Server.builder(Texts::new, Connection<String>::send).listen("tcp://127.0.0.1:0");
    }
  }

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class ClientApplication {

    @Bean
    Client.Builder<String, String> upstream(BlockingQueue<String> received) {
      Handler<String, String> handler =
          new Handler<>() {
            @Override
            public void onConnect(Connection<String> connection) {
              connection.send("hi");
            }

            @Override
            public void onMessage(Connection<String> connection, String text) {
              TlsSession session = connection.attribute(TlsSession.class);
              received.add(text + " over " + (session == null ? "TCP" : session.protocol()));
            }
          };
      return Client.builder(Texts::new, handler);
    }

    @Bean
    BlockingQueue<String> received() {
      return new LinkedBlockingQueue<>();
    }
  }

  private ConfigurableApplicationContext run(Class<?> application, String... properties) {
    ConfigurableApplicationContext context =
        new SpringApplicationBuilder(application).web(WebApplicationType.NONE).run(properties);
    contexts.add(context);
    return context;
  }

  private Server server(String... properties) {
    List<String> arguments = new ArrayList<>();
    arguments.add(WEB + "keystore.certificate=" + directory.resolve("web.pem").toUri());
    arguments.add(WEB + "keystore.private-key=" + directory.resolve("web.key").toUri());
    arguments.add(WEB + "truststore.certificate=" + directory.resolve("authority.pem").toUri());
    arguments.add(WEB + "reload-on-update=true");
    arguments.add("--spring.ssl.bundle.watch.file.quiet-period=50ms");
    arguments.add("--jev.server.echo.ssl.bundle=web");
    Collections.addAll(arguments, properties);
    ConfigurableApplicationContext context =
        run(EchoApplication.class, arguments.toArray(String[]::new));
    return context.getBean(JevServers.class).get("echo");
  }

  /** Connects with the JDK's TLS, and returns the name in the certificate of the server. */
  private String served(Server server) throws Exception {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, authority.toTrustManagerFactory().getTrustManagers(), null);
    try (SSLSocket socket =
        (SSLSocket)
            context
                .getSocketFactory()
                .createSocket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(RawPeer.frames("hi"));
      DataInputStream in = new DataInputStream(socket.getInputStream());
      byte[] reply = in.readNBytes(in.readInt());
      assertThat(new String(reply, StandardCharsets.UTF_8)).isEqualTo("hi");
      X509Certificate certificate = (X509Certificate) socket.getSession().getPeerCertificates()[0];
      return certificate.getSubjectX500Principal().getName();
    }
  }

  @Test
  void newClientsSeeAChangedBundle() throws Exception {
    Server server = server();
    assertThat(served(server)).isEqualTo("CN=first");
    write("web", "second");
    Eventually.holds("the second certificate", () -> served(server).equals("CN=second"));
  }

  @Test
  void clientsNeedACertificateIfSoConfigured() throws Exception {
    Server server = server("--jev.server.echo.ssl.client-auth=need");
    assertThatThrownBy(() -> served(server)).isInstanceOf(IOException.class);
    write("client", "me");
    String bundle = "--spring.ssl.bundle.pem.own.";
    ConfigurableApplicationContext context =
        run(
            ClientApplication.class,
            bundle + "keystore.certificate=" + directory.resolve("client.pem").toUri(),
            bundle + "keystore.private-key=" + directory.resolve("client.key").toUri(),
            bundle + "truststore.certificate=" + directory.resolve("authority.pem").toUri(),
            "--jev.client.upstream.uri=tcp://localhost:" + server.port(),
            "--jev.client.upstream.ssl.bundle=own");
    assertThat(context.getBean("received", BlockingQueue.class).poll(10, TimeUnit.SECONDS))
        .isEqualTo("hi over TLSv1.3");
    assertThat(context.getBean(JevClients.class).get("upstream").isConnected()).isTrue();
  }

  @Test
  void keyStoreWithAPasswordIsABundleToo() throws Exception {
    char[] password = "secret".toCharArray();
    Path store = directory.resolve("store.p12");
    X509Bundle bundle = new CertificateBuilder().subject("CN=stored").buildIssuedBy(authority);
    try (var out = Files.newOutputStream(store)) {
      bundle.toKeyStore(password).store(out, password);
    }
    String jks = "--spring.ssl.bundle.jks.web.";
    ConfigurableApplicationContext context =
        run(
            EchoApplication.class,
            jks + "keystore.location=" + store.toUri(),
            jks + "keystore.password=secret",
            "--jev.server.echo.ssl.bundle=web");
    assertThat(served(context.getBean(JevServers.class).get("echo"))).isEqualTo("CN=stored");
  }

  @Test
  void bundleWithoutAKeyIsRefused() {
    assertThatThrownBy(
            () ->
                run(
                    EchoApplication.class,
                    WEB + "truststore.certificate=" + directory.resolve("authority.pem").toUri(),
                    "--jev.server.echo.ssl.bundle=web"))
        .rootCause()
        .hasMessage("server has no identity; call identity first");
  }

  @Test
  void ciphersAreRefused() {
    assertThatThrownBy(() -> server(WEB + "options.ciphers=TLS_AES_128_GCM_SHA256"))
        .rootCause()
        .hasMessage(
            "ciphers of bundle web: set (expected: none, the provider of TLS chooses them)");
  }
}
