package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.Objects.requireNonNull;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * The content of all files of one {@link Tls} at one time.
 *
 * <p>Files are compared by content, since no time stamp reliably tells whether a file has changed.
 */
final class TlsFiles {

  private static final Pattern KEY =
      Pattern.compile(
          "-----BEGIN (?:(\\w+) )?PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END (?:\\w+ )?PRIVATE KEY-----");

  /** A block of PEM (RFC 7468) that is not a certificate, such as the key in the same file. */
  private static final Pattern OTHER_BLOCK =
      Pattern.compile(
          "(?s)-----BEGIN (?!(?:X509 )?CERTIFICATE-----)([A-Z0-9 ]+)-----.*?-----END \\1-----");

  private static final Pattern BLOCK = Pattern.compile("-----BEGIN ");

  private final Map<Path, byte[]> contents = new HashMap<>();

  private TlsFiles() {}

  /** Reads all {@code paths}. */
  static TlsFiles read(Collection<Path> paths) {
    TlsFiles files = new TlsFiles();
    for (Path path : paths) {
      try {
        files.contents.put(path, Files.readAllBytes(path));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot read " + path + ": " + e, e);
      }
    }
    return files;
  }

  boolean equalBytes(@Nullable TlsFiles other) {
    return other != null
        && contents.keySet().equals(other.contents.keySet())
        && contents.keySet().stream()
            .allMatch(path -> Arrays.equals(bytes(path), other.bytes(path)));
  }

  /** Returns the certificates in a PEM file, in their order; at least one. */
  List<X509Certificate> pemCertificates(Path path) {
    List<X509Certificate> certificates = new ArrayList<>();
    String text = OTHER_BLOCK.matcher(new String(bytes(path), ISO_8859_1)).replaceAll("");
    try {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      InputStream only = new ByteArrayInputStream(text.getBytes(ISO_8859_1));
      for (Certificate certificate : factory.generateCertificates(only)) {
        certificates.add((X509Certificate) certificate);
      }
    } catch (CertificateException e) {
      throw unreadable(path, e);
    }
    if (BLOCK.matcher(text).results().count() > certificates.size()) {
      throw unreadable(path, null); // JDK 25 leaves out one that is cut short
    }
    return atLeastOne(path, certificates);
  }

  private static IllegalArgumentException unreadable(Path path, @Nullable Throwable cause) {
    return new IllegalArgumentException(
        "certificates in " + path + ": unreadable (expected: X.509 in PEM)", cause);
  }

  /** Returns the certificates of authorities in a PKCS#12 file; at least one. */
  List<X509Certificate> pkcs12Certificates(Path path, String password) {
    List<X509Certificate> certificates = new ArrayList<>();
    try {
      KeyStore store = pkcs12(path, password);
      for (String alias : Collections.list(store.aliases())) {
        if (store.isCertificateEntry(alias)) {
          certificates.add((X509Certificate) store.getCertificate(alias));
        }
      }
    } catch (GeneralSecurityException e) {
      throw unreadableStore(path, e);
    }
    return atLeastOne(path, certificates);
  }

  private static List<X509Certificate> atLeastOne(Path path, List<X509Certificate> certificates) {
    if (certificates.isEmpty()) {
      throw new IllegalArgumentException("certificates in " + path + ": 0 (expected: >= 1)");
    }
    return certificates;
  }

  /** Returns the first private key in a PKCS#12 file, with its chain. */
  KeyAndChain pkcs12Key(Path path, String password) {
    try {
      KeyStore store = pkcs12(path, password);
      for (String alias : Collections.list(store.aliases())) {
        if (store.getKey(alias, password.toCharArray()) instanceof PrivateKey key) {
          List<X509Certificate> chain = new ArrayList<>();
          for (Certificate certificate : store.getCertificateChain(alias)) {
            chain.add((X509Certificate) certificate);
          }
          return new KeyAndChain(key, chain);
        }
      }
    } catch (GeneralSecurityException e) {
      throw unreadableStore(path, e);
    }
    throw noKey(path, "none (expected: one)", null);
  }

  private KeyStore pkcs12(Path path, String password) throws GeneralSecurityException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try {
      store.load(open(path), password.toCharArray());
    } catch (IOException e) { // also for a wrong password
      throw unreadableStore(path, e);
    }
    return store;
  }

  private static IllegalArgumentException unreadableStore(Path path, Exception cause) {
    return new IllegalArgumentException(
        "key store " + path + ": unreadable (expected: PKCS#12 with the given password)", cause);
  }

  /** Returns the private key in a PEM file. */
  PrivateKey pemKey(Path path, @Nullable String password) {
    Matcher pem = KEY.matcher(new String(bytes(path), ISO_8859_1));
    if (!pem.find()) {
      throw noKey(path, "none (expected: one in PEM)", null);
    }
    byte[] der = Base64.getMimeDecoder().decode(pem.group(2));
    String kind = pem.group(1);
    if (kind == null) {
      return pkcs8(path, new PKCS8EncodedKeySpec(der));
    }
    if (!kind.equals("ENCRYPTED")) {
      throw noKey(
          path, kind + " format (expected: PKCS#8; convert it with openssl pkcs8 -topk8)", null);
    }
    if (password == null) {
      throw noKey(path, "encrypted (expected: a password)", null);
    }
    return pkcs8(path, decrypt(path, der, password));
  }

  private static PKCS8EncodedKeySpec decrypt(Path path, byte[] der, String password) {
    try {
      EncryptedPrivateKeyInfo encrypted = new EncryptedPrivateKeyInfo(der);
      // The name PBES2 does not include the ciphers; the parameters do.
      String name = encrypted.getAlgName();
      boolean pbes2 = name.equals("PBES2") || name.equals("1.2.840.113549.1.5.13");
      String algorithm = pbes2 ? encrypted.getAlgParameters().toString() : name;
      Cipher cipher = Cipher.getInstance(algorithm);
      cipher.init(
          Cipher.DECRYPT_MODE,
          SecretKeyFactory.getInstance(algorithm)
              .generateSecret(new PBEKeySpec(password.toCharArray())),
          encrypted.getAlgParameters());
      return encrypted.getKeySpec(cipher);
    } catch (IOException | NoSuchAlgorithmException e) {
      throw noKey(
          path, "unknown encryption (expected: AES; convert it with openssl pkcs8 -topk8)", e);
    } catch (GeneralSecurityException e) {
      throw noKey(path, "cannot be decrypted (expected: its password)", e);
    }
  }

  private static PrivateKey pkcs8(Path path, PKCS8EncodedKeySpec spec) {
    for (String algorithm : List.of("RSA", "EC", "EdDSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(spec);
      } catch (GeneralSecurityException e) {
        // The key has another algorithm.
      }
    }
    throw noKey(path, "unknown algorithm (expected: RSA, EC or EdDSA)", null);
  }

  private static IllegalArgumentException noKey(
      Path path, String message, @Nullable Exception cause) {
    return new IllegalArgumentException("private key in " + path + ": " + message, cause);
  }

  private ByteArrayInputStream open(Path path) {
    return new ByteArrayInputStream(bytes(path));
  }

  private byte[] bytes(Path path) {
    return requireNonNull(contents.get(path));
  }
}
