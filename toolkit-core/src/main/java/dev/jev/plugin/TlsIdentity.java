package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The identity of one end of a TLS connection: a certificate with its chain and its private key, in
 * files.
 *
 * <p>The files are read when a {@link Tls} is built and when it is reloaded.
 */
public final class TlsIdentity {

  private final Path chain;
  private final Path key;
  private final @Nullable String password;
  private final boolean pkcs12;

  private TlsIdentity(Path chain, Path key, @Nullable String password, boolean pkcs12) {
    this.chain = requireNonNull(chain, "chain");
    this.key = requireNonNull(key, "key");
    this.password = password;
    this.pkcs12 = pkcs12;
  }

  /**
   * Returns an identity in two PEM files.
   *
   * @param chain the certificate, followed by the intermediate certificates between it and the root
   * @param key the private key, in PKCS#8 ({@code BEGIN PRIVATE KEY}); may be the same file
   */
  public static TlsIdentity pem(Path chain, Path key) {
    return new TlsIdentity(chain, key, null, /* pkcs12= */ false);
  }

  /**
   * Returns an identity in two PEM files.
   *
   * @param chain the certificate, followed by the intermediate certificates between it and the root
   * @param key the private key, in PKCS#8 encrypted with AES ({@code BEGIN ENCRYPTED PRIVATE KEY})
   * @param password the password of the key
   */
  public static TlsIdentity pem(Path chain, Path key, String password) {
    return new TlsIdentity(chain, key, requireNonNull(password, "password"), /* pkcs12= */ false);
  }

  /** Returns the identity of the first private key in a PKCS#12 key store. */
  public static TlsIdentity pkcs12(Path store, String password) {
    requireNonNull(store, "store");
    return new TlsIdentity(store, store, requireNonNull(password, "password"), /* pkcs12= */ true);
  }

  List<Path> files() {
    return List.of(chain, key);
  }

  KeyAndChain load(TlsFiles files) {
    KeyAndChain loaded =
        pkcs12
            ? files.pkcs12Key(chain, requireNonNull(password))
            : new KeyAndChain(files.pemKey(key, password), files.pemCertificates(chain));
    return loaded.checked(toString());
  }

  /** Returns the names of the files, without the password. */
  @Override
  public String toString() {
    return chain.equals(key) ? chain.toString() : chain + " and " + key;
  }
}
