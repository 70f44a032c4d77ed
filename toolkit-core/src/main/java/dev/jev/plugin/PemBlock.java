package dev.jev.plugin;

import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A block of a text in PEM (RFC 7468).
 *
 * @param label the label, such as {@code PRIVATE KEY}
 * @param content the text between the first and the last line; null if there is no last line
 */
record PemBlock(String label, @Nullable String content) {

  private static final Pattern BEGIN = Pattern.compile("-----BEGIN ");
  private static final Pattern PRIVATE_KEY = Pattern.compile("(?:\\w{1,32} )?PRIVATE KEY");
  private static final Pattern SPACE = Pattern.compile("\\s+");
  private static final String DASHES = "-----";

  /**
   * Returns the blocks of a text. Text outside them is skipped.
   *
   * <p>A block ends before the next one begins, even without a last line. So no part of the text is
   * searched twice.
   */
  static List<PemBlock> of(String text) {
    List<PemBlock> blocks = new ArrayList<>();
    String[] parts = BEGIN.split(text, -1);
    for (int i = 1; i < parts.length; i++) { // the first is the text before all blocks
      blocks.add(ofPart(parts[i]));
    }
    return blocks;
  }

  private static PemBlock ofPart(String part) {
    int labelEnd = part.indexOf(DASHES);
    if (labelEnd < 0) {
      return new PemBlock(part, null);
    }
    String label = part.substring(0, labelEnd);
    int start = labelEnd + DASHES.length();
    int end = part.indexOf(DASHES + "END " + label + DASHES, start);
    return new PemBlock(label, end < 0 ? null : part.substring(start, end));
  }

  boolean isCertificate() {
    return label.equals("CERTIFICATE") || label.equals("X509 CERTIFICATE");
  }

  boolean isPrivateKey() {
    return PRIVATE_KEY.matcher(label).matches();
  }

  /**
   * Returns the bytes that the content stands for.
   *
   * @throws GeneralSecurityException if there is no last line, or the content is not Base64
   */
  byte[] decode() throws GeneralSecurityException {
    if (content == null) {
      throw new GeneralSecurityException("block is cut short: " + label);
    }
    try {
      return Base64.getDecoder().decode(SPACE.matcher(content).replaceAll(""));
    } catch (IllegalArgumentException e) {
      throw new GeneralSecurityException("block is not Base64: " + label, e);
    }
  }
}
