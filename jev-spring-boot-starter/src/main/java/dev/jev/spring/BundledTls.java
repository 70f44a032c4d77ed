package dev.jev.spring;

import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import java.lang.System.Logger.Level;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.KeyStore.PrivateKeyEntry;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.ssl.NoSuchSslBundleException;
import org.springframework.boot.ssl.SslBundle;
import org.springframework.boot.ssl.SslBundles;

/** TLS with the key and the authorities of a bundle of {@code spring.ssl.bundle}. */
final class BundledTls {

  private static final System.Logger LOGGER = System.getLogger("dev.jev");

  private final String name;
  private volatile SslBundle bundle;

  private BundledTls(String name, SslBundle bundle) {
    this.name = name;
    this.bundle = bundle;
  }

  /**
   * Returns the plugin, which is reloaded when the bundle changes.
   *
   * @throws IllegalArgumentException if the bundle cannot be used
   */
  static Tls build(Tls.Builder builder, @Nullable SslBundles bundles, String name) {
    SslBundle first = find(bundles, name);
    BundledTls tls = new BundledTls(name, first);
    Tls plugin = tls.configure(builder, first).build();
    if (bundles != null) {
      bundles.addBundleUpdateHandler(name, changed -> tls.reload(plugin, changed));
    }
    return plugin;
  }

  private static SslBundle find(@Nullable SslBundles bundles, String name) {
    try {
      if (bundles != null) {
        return bundles.getBundle(name);
      }
    } catch (NoSuchSslBundleException e) {
      // There are others.
    }
    List<String> names = bundles == null ? List.of() : bundles.getBundleNames();
    throw new IllegalArgumentException(
        "bundle: " + name + " (expected: one of spring.ssl.bundle: " + names + ")");
  }

  private Tls.Builder configure(Tls.Builder builder, SslBundle first) {
    if (first.getStores().getKeyStore() != null) {
      builder.identity(TlsIdentity.of(() -> key(bundle)));
    }
    if (first.getStores().getTrustStore() != null) {
      builder.trust(() -> authorities(bundle));
    }
    String[] protocols = first.getOptions().getEnabledProtocols();
    if (protocols != null) {
      builder.protocols(protocols);
    }
    if (first.getOptions().getCiphers() != null) {
      throw new IllegalArgumentException(
          "ciphers of bundle " + name + ": set (expected: none, the provider of TLS chooses them)");
    }
    return builder;
  }

  private void reload(Tls plugin, SslBundle changed) {
    SslBundle before = bundle;
    bundle = changed;
    try {
      plugin.reload();
      LOGGER.log(Level.INFO, "TLS certificates of bundle " + name + " reloaded");
    } catch (RuntimeException e) {
      bundle = before;
      LOGGER.log(Level.WARNING, "cannot reload TLS certificates of bundle " + name + ": " + e, e);
    }
  }

  private PrivateKeyEntry key(SslBundle from) {
    KeyStore store = from.getStores().getKeyStore();
    try {
      if (store != null) {
        String password = from.getKey().getPassword();
        password = password == null ? from.getStores().getKeyStorePassword() : password;
        String alias = from.getKey().getAlias();
        List<String> aliases =
            alias == null ? Collections.list(store.aliases()) : Collections.singletonList(alias);
        char[] characters = password == null ? new char[0] : password.toCharArray();
        for (String each : aliases) {
          if (store.isKeyEntry(each) && store.getKey(each, characters) instanceof PrivateKey key) {
            return new PrivateKeyEntry(key, store.getCertificateChain(each));
          }
        }
      }
    } catch (GeneralSecurityException e) {
      throw unreadable("private key", e);
    }
    throw new IllegalArgumentException(
        "private key in bundle " + name + ": none (expected: one with its certificates)");
  }

  private List<X509Certificate> authorities(SslBundle from) {
    List<X509Certificate> authorities = new ArrayList<>();
    KeyStore store = from.getStores().getTrustStore();
    if (store == null) {
      return authorities;
    }
    try {
      for (String alias : Collections.list(store.aliases())) {
        if (store.getCertificate(alias) instanceof X509Certificate certificate) {
          authorities.add(certificate);
        }
      }
    } catch (GeneralSecurityException e) {
      throw unreadable("trusted certificates", e);
    }
    return authorities;
  }

  private IllegalArgumentException unreadable(String what, Exception cause) {
    return new IllegalArgumentException(
        what + " in bundle " + name + ": unreadable (expected: readable with its password)", cause);
  }
}
