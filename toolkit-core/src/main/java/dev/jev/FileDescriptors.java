package dev.jev;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The number of connections that the process's limit of file descriptors allows. */
final class FileDescriptors {

  private static final Pattern MAX_OPEN_FILES = Pattern.compile("Max open files\\s+(\\w+)");
  private static final int UNKNOWN_LIMIT_CONNECTIONS = 10_000;

  private FileDescriptors() {}

  /** Returns nine tenths of the limit, minus 64; 10,000 if the limit is not known. */
  static int maxConnections() {
    try {
      Matcher soft = MAX_OPEN_FILES.matcher(Files.readString(Path.of("/proc/self/limits")));
      if (soft.find()) {
        return maxConnections(soft.group(1));
      }
    } catch (IOException | RuntimeException e) {
      // Not Linux, or an unknown format.
    }
    return UNKNOWN_LIMIT_CONNECTIONS;
  }

  private static int maxConnections(String softLimit) {
    long limit = softLimit.equals("unlimited") ? Integer.MAX_VALUE : Long.parseLong(softLimit);
    return (int) Math.max(1, Math.min(limit, Integer.MAX_VALUE) / 10 * 9 - 64);
  }
}
