package dev.jev;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.joining;
import static java.util.stream.Collectors.toList;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The artifacts of Netty on the class path, and their versions.
 *
 * <p>A build that also imports the BOM of another project easily mixes two versions. Such a mix
 * fails late, with an error that does not name the cause, or not at all if a listener of Netty's
 * swallows the error. It is therefore refused before the first event loop starts.
 *
 * <p>The version of an artifact is in {@value #VERSIONS} of its jar, or else in Maven's {@code
 * pom.properties}. Jars that were merged or shaded may have neither. A name in a class file then
 * tells Netty 4.2 from 4.1. No class of Netty is loaded here, since any may be missing.
 */
final class NettyArtifacts {

  private static final String VERSIONS = "META-INF/io.netty.versions.properties";
  private static final String OLDEST = "4.2.2";
  private static final String BEFORE_4_2 = "a version before 4.2";

  /** The artifacts with classes that the toolkit calls, in Netty 4.2 or 4.1. */
  private static final List<String> ARTIFACTS =
      List.of(
          "netty-buffer",
          "netty-codec",
          "netty-codec-base",
          "netty-codec-compression",
          "netty-codec-http",
          "netty-common",
          "netty-handler",
          "netty-resolver",
          "netty-transport",
          "netty-transport-classes-epoll",
          "netty-transport-classes-io_uring",
          "netty-transport-classes-kqueue",
          "netty-transport-native-unix-common");

  /** A class file of an artifact, and a name that it has contained since Netty 4.2. */
  private record Since42(String artifact, String file, String name) {}

  private static final List<Since42> SINCE_4_2 =
      List.of(
          new Since42("netty-buffer", "buffer/ByteBuf", "readString"),
          new Since42("netty-common", "util/concurrent/AbstractScheduledEventExecutor", "ticker"),
          new Since42("netty-handler", "handler/ssl/SslContextBuilder", "serverName"),
          new Since42("netty-transport", "channel/local/LocalServerChannel", "IoRegistration"),
          new Since42(
              "netty-transport-classes-epoll",
              "channel/epoll/EpollEventLoopGroup",
              "MultiThreadIoEventLoopGroup"),
          new Since42(
              "netty-transport-classes-kqueue",
              "channel/kqueue/KQueueEventLoopGroup",
              "MultiThreadIoEventLoopGroup"),
          new Since42(
              "netty-transport-native-unix-common", "channel/unix/Socket", "SocketProtocolFamily"));

  private static volatile boolean checked;

  private final ClassLoader loader;
  private final Map<String, String> versions = new TreeMap<>(); // by artifact

  private NettyArtifacts(ClassLoader loader) {
    this.loader = loader;
  }

  /**
   * Checks the artifacts that this class sees, once per process.
   *
   * @throws IllegalStateException if their versions differ or are too old
   */
  static void check() {
    if (!checked) {
      check(NettyArtifacts.class.getClassLoader());
      checked = true;
    }
  }

  static void check(ClassLoader loader) {
    NettyArtifacts artifacts = new NettyArtifacts(loader);
    try {
      artifacts.readVersions();
      artifacts.readMavenVersions();
      artifacts.readClassFiles();
    } catch (IOException e) {
      return; // a class path that cannot be read fails elsewhere, with its own error
    }
    artifacts.judge();
  }

  /** Reads Netty's own files. As for classes, the first one on the class path is in force. */
  private void readVersions() throws IOException {
    for (URL file : Collections.list(loader.getResources(VERSIONS))) {
      URLConnection connection = file.openConnection();
      connection.setUseCaches(false); // the JVM's cache would keep each jar open
      Properties properties = properties(connection.getInputStream());
      for (String key : properties.stringPropertyNames()) {
        if (key.endsWith(".version")) {
          add(key.substring(0, key.length() - ".version".length()), properties.getProperty(key));
        }
      }
    }
  }

  private void readMavenVersions() throws IOException {
    for (String artifact : ARTIFACTS) {
      InputStream file =
          loader.getResourceAsStream("META-INF/maven/io.netty/" + artifact + "/pom.properties");
      if (file != null) {
        add(artifact, properties(file).getProperty("version"));
      }
    }
  }

  private void readClassFiles() throws IOException {
    for (Since42 since : SINCE_4_2) {
      InputStream file = loader.getResourceAsStream("io/netty/" + since.file() + ".class");
      if (file != null && !contains(file, since.name())) {
        versions.merge(since.artifact(), BEFORE_4_2, (known, old) -> isTooOld(known) ? known : old);
      }
    }
  }

  /** Adds a version, unless it is known or has a number of its own, as that of tcnative. */
  private void add(String artifact, @Nullable String version) {
    if (version != null && artifact.startsWith("netty-") && version.startsWith("4.")) {
      versions.putIfAbsent(artifact, version);
    }
  }

  private void judge() {
    List<String> different = versions.values().stream().distinct().toList();
    if (different.size() > 1 || different.stream().anyMatch(NettyArtifacts::isTooOld)) {
      throw new IllegalStateException(
          "Netty: "
              + text()
              + " (expected: one version of all artifacts, "
              + OLDEST
              + " or later). Import the BOM dev.jev:jev-bom before all others, or set the version"
              + " of Netty that your build manages.");
    }
  }

  private String text() {
    Map<String, List<String>> artifacts =
        versions.keySet().stream().collect(groupingBy(versions::get, TreeMap::new, toList()));
    return artifacts.entrySet().stream()
        .map(entry -> entry.getKey() + " of " + String.join(", ", entry.getValue()))
        .collect(joining("; "));
  }

  private static boolean isTooOld(String version) {
    return version.equals(BEFORE_4_2) || Arrays.compare(numbers(version), numbers(OLDEST)) < 0;
  }

  /** Returns the three numbers of a version such as {@code 4.2.2.Final}; 0 for one without. */
  private static int[] numbers(String version) {
    return Arrays.stream(version.split("[.-]", 4))
        .limit(3)
        .mapToInt(part -> part.matches("[0-9]{1,9}") ? Integer.parseInt(part) : 0)
        .toArray();
  }

  private static Properties properties(InputStream file) throws IOException {
    Properties properties = new Properties();
    try (file) {
      properties.load(file);
    } catch (IllegalArgumentException e) {
      throw new IOException(e); // a malformed escape
    }
    return properties;
  }

  private static boolean contains(InputStream file, String name) throws IOException {
    try (file) {
      return new String(file.readAllBytes(), StandardCharsets.ISO_8859_1).contains(name);
    }
  }
}
