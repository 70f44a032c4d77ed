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
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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

  /** RFC 1421, 4.6.1.1: the header of an encrypted key in the formats before PKCS#8. */
  private static final String OLD_ENCRYPTION = "Proc-Type: 4,ENCRYPTED";

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
    try {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      List<PemBlock> blocks = pem(path);
      if (blocks.isEmpty()) { // not in PEM; the factory may know the format
        for (Certificate certificate : factory.generateCertificates(open(path))) {
          certificates.add((X509Certificate) certificate);
        }
      }
      for (PemBlock block : blocks) {
        if (block.content() == null) {
          throw unreadable(path, null);
        }
        if (block.isCertificate()) {
          InputStream der = new ByteArrayInputStream(block.decode());
          certificates.add((X509Certificate) factory.generateCertificate(der));
        }
      }
    } catch (GeneralSecurityException e) {
      throw unreadable(path, e);
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

  /** Returns the first private key in a PEM file. */
  PrivateKey pemKey(Path path, @Nullable String password) {
    PemBlock key =
        pem(path).stream()
            .filter(PemBlock::isPrivateKey)
            .findFirst()
            .orElseThrow(() -> noKey(path, "none (expected: one in PEM)", null));
    return switch (key.label()) {
      case "PRIVATE KEY" -> pkcs8(path, new PKCS8EncodedKeySpec(der(path, key)));
      case "ENCRYPTED PRIVATE KEY" -> pkcs8(path, decrypt(path, der(path, key), password));
      default -> throw noKey(path, oldFormat(key), null);
    };
  }

  private static String oldFormat(PemBlock key) {
    String kind = key.label().replace(" PRIVATE KEY", " format");
    String content = key.content();
    String encrypted = content != null && content.contains(OLD_ENCRYPTION) ? "encrypted " : "";
    String expected = " (expected: " + encrypted + "PKCS#8; convert it with openssl pkcs8 -topk8)";
    return encrypted + kind + expected;
  }

  private static byte[] der(Path path, PemBlock key) {
    try {
      return key.decode();
    } catch (GeneralSecurityException e) {
      throw noKey(path, "unreadable (expected: PKCS#8 in PEM)", e);
    }
  }

  private List<PemBlock> pem(Path path) {
    return PemBlock.of(new String(bytes(path), ISO_8859_1));
  }

  private static PKCS8EncodedKeySpec decrypt(Path path, byte[] der, @Nullable String password) {
    if (password == null) {
      throw noKey(path, "encrypted (expected: a password)", null);
    }
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
