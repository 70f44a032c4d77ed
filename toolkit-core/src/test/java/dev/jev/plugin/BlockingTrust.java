package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.ManagerFactoryParameters;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.TrustManagerFactorySpi;
import javax.net.ssl.X509ExtendedTrustManager;

/** Trust in client certificates that blocks, like one that asks a server about revocations. */
final class BlockingTrust {

  private final CountDownLatch entered = new CountDownLatch(1);
  private final CountDownLatch released = new CountDownLatch(1);
  private volatile String thread = "none";

  /** Builds TLS whose handshakes block at the check of a client certificate. */
  Tls build(Tls.Builder builder) {
    Provider provider = new BlockingProvider();
    Security.insertProviderAt(provider, 1);
    try {
      return builder.build();
    } finally {
      Security.removeProvider(provider.getName());
    }
  }

  /** Waits until a handshake is blocked. */
  void awaitEntered() throws InterruptedException {
    assertThat(entered.await(10, TimeUnit.SECONDS)).isTrue();
  }

  /** Lets this handshake and all later ones continue. */
  void release() {
    released.countDown();
  }

  /** Returns the name of the thread that checked a certificate. */
  String thread() {
    return thread;
  }

  private final class BlockingProvider extends Provider {
    private static final long serialVersionUID = 1L;

    BlockingProvider() {
      super("BlockingTrust", "1", "blocks");
      putService(
          new Service(this, "TrustManagerFactory", "PKIX", Factory.class.getName(), null, null) {
            @Override
            public Object newInstance(Object parameter) {
              return new Factory();
            }
          });
    }
  }

  private final class Factory extends TrustManagerFactorySpi {
    private final TrustManagerFactory jdk;

    Factory() {
      try {
        jdk = TrustManagerFactory.getInstance("PKIX", "SunJSSE");
      } catch (GeneralSecurityException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    protected void engineInit(KeyStore store) throws KeyStoreException {
      jdk.init(store);
    }

    @Override
    protected void engineInit(ManagerFactoryParameters parameters)
        throws InvalidAlgorithmParameterException {
      jdk.init(parameters);
    }

    @Override
    protected TrustManager[] engineGetTrustManagers() {
      return new TrustManager[] {new Manager((X509ExtendedTrustManager) jdk.getTrustManagers()[0])};
    }
  }

  private final class Manager extends X509ExtendedTrustManager {
    private final X509ExtendedTrustManager jdk;

    Manager(X509ExtendedTrustManager jdk) {
      this.jdk = jdk;
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
        throws CertificateException {
      thread = Thread.currentThread().getName();
      entered.countDown();
      try {
        assertThat(released.await(30, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new CertificateException(e);
      }
      jdk.checkClientTrusted(chain, authType, engine);
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return jdk.getAcceptedIssuers();
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine) {
      throw new AssertionError("not a client");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket) {
      throw new AssertionError("not an engine");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket) {
      throw new AssertionError("not a client");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) {
      throw new AssertionError("not an engine");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) {
      throw new AssertionError("not a client");
    }
  }
}
