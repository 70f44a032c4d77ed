package dev.jev.plugin;

import java.security.GeneralSecurityException;
import java.security.KeyStore.PrivateKeyEntry;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A private key and its certificate chain, which begins with the certificate of the key. */
record KeyAndChain(PrivateKey key, List<X509Certificate> chain) {

  /**
   * Returns the key and the certificates of an entry.
   *
   * @throws IllegalArgumentException if a certificate is not in X.509
   */
  static KeyAndChain of(PrivateKeyEntry entry) {
    List<X509Certificate> chain = new ArrayList<>();
    for (Certificate certificate : entry.getCertificateChain()) {
      if (!(certificate instanceof X509Certificate x509)) {
        throw new IllegalArgumentException(
            "certificate: " + certificate.getType() + " (expected: X.509)");
      }
      chain.add(x509);
    }
    return new KeyAndChain(entry.getPrivateKey(), chain);
  }

  /**
   * Returns this if the key belongs to the first certificate.
   *
   * @param files the names of the files, for the message
   * @throws IllegalArgumentException if it does not
   */
  KeyAndChain checked(String files) {
    PublicKey certificateKey = chain.get(0).getPublicKey();
    if (!key.getAlgorithm().equals(certificateKey.getAlgorithm()) || !verifies(certificateKey)) {
      throw new IllegalArgumentException(
          "private key in " + files + ": mismatch (expected: the key of the first certificate)");
    }
    return this;
  }

  /** Returns the time at which the first certificate of the chain expires. */
  Instant expiry() {
    return chain.stream()
        .map(certificate -> certificate.getNotAfter().toInstant())
        .min(Comparator.naturalOrder())
        .orElseThrow();
  }

  private boolean verifies(PublicKey certificateKey) {
    try {
      Signature signature = Signature.getInstance(signatureAlgorithm());
      signature.initSign(key);
      signature.update((byte) 1);
      byte[] signed = signature.sign();
      signature.initVerify(certificateKey);
      signature.update((byte) 1);
      return signature.verify(signed);
    } catch (GeneralSecurityException e) { // the key has another curve, for example
      return false;
    }
  }

  private String signatureAlgorithm() {
    return switch (key.getAlgorithm()) {
      case "RSA" -> "SHA256withRSA";
      case "EC" -> "SHA256withECDSA";
      default -> key.getAlgorithm(); // EdDSA
    };
  }
}
