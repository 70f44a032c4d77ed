package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.security.KeyStore.PrivateKeyEntry;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The identity of one end of a TLS connection: a certificate with its chain and its private key, in
 * files or in memory.
 *
 * <p>It is read when a {@link Tls} is built and when it is reloaded.
 */
public final class TlsIdentity {

  private final List<Path> files;
  private final Function<TlsFiles, KeyAndChain> loader;

  private TlsIdentity(List<Path> files, Function<TlsFiles, KeyAndChain> loader) {
    this.files = files;
    this.loader = loader;
  }

  /**
   * Returns an identity in two PEM files.
   *
   * @param chain the certificate, followed by the intermediate certificates between it and the root
   * @param key the private key, in PKCS#8 ({@code BEGIN PRIVATE KEY}); may be the same file
   */
  public static TlsIdentity pem(Path chain, Path key) {
    requireNonNull(chain, "chain");
    requireNonNull(key, "key");
    return new TlsIdentity(
        distinct(chain, key),
        files -> new KeyAndChain(files.pemKey(key, null), files.pemCertificates(chain)));
  }

  /**
   * Returns an identity in two PEM files.
   *
   * @param chain the certificate, followed by the intermediate certificates between it and the root
   * @param key the private key, in PKCS#8 encrypted with AES ({@code BEGIN ENCRYPTED PRIVATE KEY})
   * @param password the password of the key
   */
  public static TlsIdentity pem(Path chain, Path key, String password) {
    requireNonNull(chain, "chain");
    requireNonNull(key, "key");
    requireNonNull(password, "password");
    return new TlsIdentity(
        distinct(chain, key),
        files -> new KeyAndChain(files.pemKey(key, password), files.pemCertificates(chain)));
  }

  /** Returns the identity of the first private key in a PKCS#12 key store. */
  public static TlsIdentity pkcs12(Path store, String password) {
    requireNonNull(store, "store");
    requireNonNull(password, "password");
    return new TlsIdentity(List.of(store), files -> files.pkcs12Key(store, password));
  }

  /**
   * Returns an identity in memory.
   *
   * @param entry called when a {@link Tls} is built, and each time that it is {@linkplain
   *     Tls#reload reloaded}; returns a private key with X.509 certificates
   */
  public static TlsIdentity of(Supplier<PrivateKeyEntry> entry) {
    requireNonNull(entry, "entry");
    return new TlsIdentity(List.of(), files -> KeyAndChain.of(entry.get()));
  }

  private static List<Path> distinct(Path chain, Path key) {
    return chain.equals(key) ? List.of(chain) : List.of(chain, key);
  }

  List<Path> files() {
    return files;
  }

  KeyAndChain load(TlsFiles contents) {
    return loader.apply(contents).checked(toString());
  }

  /** Returns the names of the files, without the password. */
  @Override
  public String toString() {
    return switch (files.size()) {
      case 0 -> "memory";
      case 1 -> files.get(0).toString();
      default -> files.get(0) + " and " + files.get(1);
    };
  }
}
