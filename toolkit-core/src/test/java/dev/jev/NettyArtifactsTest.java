package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.File;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Class paths with artifacts of Netty that do or do not fit together. */
class NettyArtifactsTest {

  private static final String EXPECTED =
      " (expected: one version of all artifacts, 4.2.2 or later). Import the BOM dev.jev:jev-bom"
          + " before all others, or set the version of Netty that your build manages.";

  @TempDir private Path directory;

  private final List<URL> classPath = new ArrayList<>();

  /** Fails, too, if a name that tells old classes is not in those of today. */
  @Test
  void artifactsOfTheTestsFit() {
    ClassLoader loader = NettyArtifactsTest.class.getClassLoader();
    assertThatCode(() -> NettyArtifacts.check(loader)).doesNotThrowAnyException();
  }

  @Test
  void classPathWithoutAnyArtifactIsNotJudged() throws IOException {
    check();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"4.2.2.Final", "4.2.18.Final", "4.2.20.Final-SNAPSHOT", "4.3.0.Final", "4.10.0"})
  void oneVersionFromTheOldestOnIsAccepted(String version) throws IOException {
    jar("netty-common", version);
    jar("netty-transport", version);
    check();
  }

  @ParameterizedTest
  @ValueSource(strings = {"4.1.130.Final", "4.2.0.Final", "4.2.1.Final", "4.2.0.RC1", "4.0.56"})
  void oneVersionThatIsTooOldIsRefused(String version) throws IOException {
    jar("netty-common", version);
    jar("netty-transport", version);
    assertRefused(version + " of netty-common, netty-transport");
  }

  @Test
  void differentVersionsAreRefused() throws IOException {
    jar("netty-transport", "4.2.9.Final");
    jar("netty-codec-base", "4.2.18.Final");
    jar("netty-common", "4.2.9.Final");
    assertRefused("4.2.18.Final of netty-codec-base; 4.2.9.Final of netty-common, netty-transport");
  }

  @Test
  void artifactThatTheToolkitDoesNotCallCountsToo() throws IOException {
    jar("netty-common", "4.2.18.Final");
    jar("netty-codec-http2", "4.1.130.Final");
    assertRefused("4.1.130.Final of netty-codec-http2; 4.2.18.Final of netty-common");
  }

  @Test
  void artifactsWithNumbersOfTheirOwnDoNotCount() throws IOException {
    jar("netty-common", "4.2.18.Final");
    jar("netty-tcnative-classes", "2.0.84.Final");
    jar("netty-incubator-codec-classes-quic", "0.0.74.Final");
    check();
  }

  @Test
  void firstOfTwoJarsIsInForce() throws IOException {
    jar("netty-common", "4.2.18.Final");
    jar("netty-common", "4.1.130.Final");
    check();
  }

  @Test
  void mergedJarHasTheVersionsOfMaven() throws IOException {
    jar("netty-common", "4.2.18.Final"); // of the merged files, only one is left
    maven("netty-buffer", "4.1.130.Final");
    maven("netty-transport", "4.2.18.Final");
    assertRefused("4.1.130.Final of netty-buffer; 4.2.18.Final of netty-common, netty-transport");
  }

  @ParameterizedTest
  @CsvSource({
    "netty-buffer, buffer/ByteBuf",
    "netty-common, util/concurrent/AbstractScheduledEventExecutor",
    "netty-handler, handler/ssl/SslContextBuilder",
    "netty-transport, channel/local/LocalServerChannel",
    "netty-transport-classes-epoll, channel/epoll/EpollEventLoopGroup",
    "netty-transport-classes-kqueue, channel/kqueue/KQueueEventLoopGroup",
    "netty-transport-native-unix-common, channel/unix/Socket",
  })
  void oldClassesAreRefusedWithoutAnyVersion(String artifact, String file) throws IOException {
    jar("netty-codec-base", "4.2.18.Final");
    write("io/netty/" + file + ".class", "the names of an older class");
    assertRefused("4.2.18.Final of netty-codec-base; a version before 4.2 of " + artifact);
  }

  @Test
  void oldClassesWithTheirVersionAreRefusedWithIt() throws IOException {
    jar("netty-buffer", "4.1.130.Final");
    write("io/netty/buffer/ByteBuf.class", "the names of an older class");
    assertRefused("4.1.130.Final of netty-buffer");
  }

  @Test
  void oldClassesBeforeANewJarAreRefused() throws IOException {
    write("io/netty/buffer/ByteBuf.class", "the names of an older class");
    jar("netty-buffer", "4.2.18.Final");
    assertRefused("a version before 4.2 of netty-buffer");
  }

  @Test
  void malformedFileIsIgnored() throws IOException {
    write("META-INF/io.netty.versions.properties", "netty-common.version=\\u12");
    check();
  }

  /** A program that starts a server. */
  static final class Start {
    public static void main(String[] arguments) {
      Server.builder(Texts::new, Connection::send).listen("tcp://127.0.0.1:0").start().close();
    }
  }

  @Test
  void serverDoesNotStartWithThem() throws Exception {
    jar("netty-common", "4.1.130.Final");
    String classPath = directory.resolve("0") + File.pathSeparator + Program.classPath();
    try (Program program = Program.java("-cp", classPath, Start.class.getName())) {
      assertThat(program.exitStatus()).isEqualTo(1);
      assertThat(program.errors().toString()).contains("4.1.130.Final of netty-common");
    }
  }

  private void jar(String artifact, String version) throws IOException {
    write(
        "META-INF/io.netty.versions.properties",
        artifact + ".version=" + version + "\n" + artifact + ".repoStatus=clean\n");
  }

  private void maven(String artifact, String version) throws IOException {
    write(
        "META-INF/maven/io.netty/" + artifact + "/pom.properties",
        "groupId=io.netty\nartifactId=" + artifact + "\nversion=" + version + "\n");
  }

  /** Adds an entry with one file to the class path. */
  private void write(String file, String text) throws IOException {
    Path entry = directory.resolve(String.valueOf(classPath.size()));
    Path path = entry.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
    classPath.add(url(entry));
  }

  private static URL url(Path entry) throws MalformedURLException {
    return entry.toUri().toURL();
  }

  private void check() throws IOException {
    try (URLClassLoader loader = new URLClassLoader(classPath.toArray(new URL[0]), null)) {
      NettyArtifacts.check(loader);
    }
  }

  private void assertRefused(String actual) {
    assertThatIllegalStateException()
        .isThrownBy(this::check)
        .withMessage("Netty: " + actual + EXPECTED);
  }
}
