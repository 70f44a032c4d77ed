package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.text.Normalizer.Form.NFC;
import static java.text.Normalizer.Form.NFD;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.THROWABLE;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.jev.LogCapture;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.websocket.HttpPeer.Reply;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.URLEncoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.logging.LogRecord;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The names by which resources of the class path are served, and those by which nothing is. */
class ClassPathNamesTest {

  private static final int MEBIBYTE = 1024 * 1024;

  @TempDir private Path root;

  private final Recorder<WebSocketMessage, WebSocketMessage> recorder = Recorder.silent();
  private @Nullable Server server;
  private @Nullable ClassLoader loader;

  static Stream<String> names() {
    return Stream.of(
        "\u0939\u093f\u0928\u094d\u0926\u0940.html", // Hindi, with combining vowels and a virama
        "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22\u0e17\u0e35\u0e48.html", // Thai
        Normalizer.normalize("\u00fcbergr\u00f6\u00dfe.css", NFC),
        Normalizer.normalize("\u00fcbergr\u00f6\u00dfe.css", NFD), // as macOS writes it
        "\ud83d\ude00.png", // an emoji
        "\ud83d\udc69\u200d\ud83d\udcbb \u2764\ufe0f.png", // with a joiner and a variation selector
        "\u05e9\u05dc\u05d5\u05dd.txt", // right to left
        "a b.txt",
        " a .txt ",
        "100%.txt",
        "100%25.txt",
        "%2e%2e",
        "a+b.txt",
        "a;b.txt",
        "a;jsessionid=1",
        "a#b.txt",
        "a?b.txt",
        "a!b.txt",
        "a!",
        "a&b='c'\"d\".txt",
        "[a]{b}(c)<d>|e^`~$*,@=.txt",
        "a:b.txt",
        "a\\b.txt",
        "a..b",
        "a.",
        "a..",
        "wow!/b.txt",
        "~a~1",
        "\u20ac \u2192 \u2603.txt", // symbols
        "\ufffd.txt",
        "-",
        "CON");
  }

  /** Returns the responder for a directory in the class path of a class loader. */
  static HttpResponder classPath(ClassLoader loader, String directory) {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(loader);
    try {
      return HttpResponder.classPath(directory);
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  private HttpPeer connect(ClassLoader loader) throws IOException {
    this.loader = loader;
    server =
        Server.builder(
                WebSocketProtocol.server().http(classPath(loader, "pages")).build(), recorder)
            .eventLoops(1)
            .listen("tcp://127.0.0.1:0")
            .start();
    return HttpPeer.connect(server);
  }

  private static URLClassLoader loader(Path classPath) throws MalformedURLException {
    return new URLClassLoader(new URL[] {classPath.toUri().toURL()}, null);
  }

  private HttpPeer connectToFiles() throws IOException {
    return connect(loader(root));
  }

  private Path write(String name, String content) throws IOException {
    Path file = root.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, content);
  }

  private static String encoded(String name) {
    return URLEncoder.encode(name, UTF_8).replace("+", "%20").replace("%2F", "/");
  }

  @AfterEach
  void stop() throws IOException {
    if (server != null) {
      server.close();
    }
    if (loader instanceof URLClassLoader closeable) {
      closeable.close();
    }
    recorder.expectNothingMore();
  }

  @ParameterizedTest
  @MethodSource("names")
  void fileIsServedByItsName(String name) throws Exception {
    assumeTrue(System.getProperty("sun.jnu.encoding").equals("UTF-8"), "names of files");
    write("pages/" + name, "a file");
    write("pages/" + name + "-/index.html", "a page");
    try (HttpPeer peer = connectToFiles()) {
      for (int i = 0; i < 2; i++) {
        Reply reply = peer.get("/" + encoded(name)).read();
        assertThat(reply.status()).isEqualTo(200);
        assertThat(reply.body()).isEqualTo("a file");
        assertThat(peer.get("/" + encoded(name) + "-/").read().body()).isEqualTo("a page");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void entryOfAJarIsServedByItsName(String name) throws Exception {
    Path jar = root.resolve("pages.jar");
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      out.putNextEntry(new JarEntry("pages/" + name));
      out.write("in a jar".getBytes(UTF_8));
      out.putNextEntry(new JarEntry("pages/" + name + "-/"));
      out.putNextEntry(new JarEntry("pages/" + name + "-/index.html"));
      out.write("a page".getBytes(UTF_8));
    }
    try (HttpPeer peer = connect(loader(jar))) {
      for (int i = 0; i < 2; i++) {
        Reply reply = peer.get("/" + encoded(name)).read();
        assertThat(reply.status()).isEqualTo(200);
        assertThat(reply.body()).isEqualTo("in a jar");
        assertThat(peer.get("/" + encoded(name) + "-/").read().body()).isEqualTo("a page");
        assertThat(peer.get("/" + encoded(name) + "-").read().status()).isEqualTo(404);
      }
    }
  }

  @Test
  void charactersThatNeedNoEncodingMayBeSentAsTheyAre() throws Exception {
    write("pages/a;b=c+d:e@f~(g)!$&'*,.txt", "plain");
    try (HttpPeer peer = connectToFiles()) {
      assertThat(peer.get("/a;b=c+d:e@f~(g)!$&'*,.txt").read().body()).isEqualTo("plain");
      assertThat(peer.get("/a;b=c%2bd%3Ae@f%7e(g)!$&'*,.txt").read().body()).isEqualTo("plain");
    }
  }

  @Test
  void contentTypeIsThatOfTheExtension() throws Exception {
    write("pages/\u0939\u093f.HTML", "<p>");
    write("pages/a.css.", "none");
    try (HttpPeer peer = connectToFiles()) {
      Reply page = peer.get("/" + encoded("\u0939\u093f.HTML")).read();
      assertThat(page.header("Content-Type")).isEqualTo("text/html; charset=utf-8");
      Reply other = peer.get("/a.css.").read();
      assertThat(other.header("Content-Type")).isEqualTo("application/octet-stream");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/.%2e/secret.txt",
        "/sub/../../secret.txt",
        "/sub/%2e%2e/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%2Fsecret.txt",
        "/sub%2f..%2f..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/sub%5c..%5c..%5csecret.txt",
        "/sub\\..\\..\\secret.txt",
        "/..;/secret.txt",
        "/..;a=b/secret.txt",
        "/.;/../secret.txt",
        "/%c0%ae%c0%ae/secret.txt", // overlong
        "/%e0%80%ae%e0%80%ae/secret.txt",
        "/..%c0%afsecret.txt",
        "/%25u002e%25u002e/secret.txt",
        "/%ef%bc%8e%ef%bc%8e/secret.txt", // full-width dots
        "/..%ef%bc%8fsecret.txt",
        "/%e2%80%8d../secret.txt", // after a joiner, which some file systems ignore
        "/%e2%80%8d.hidden",
        "/..%00/secret.txt",
        "/index.html%00",
        "/index.html%00.css",
        "/%00",
        "/index.html%0a",
        "/index.html%7f",
        "/index.html%c2%85",
        "/index.html.",
        "/index.html%20",
        "/index.html::$DATA",
        "/index.html:stream",
        "/C:/secret.txt",
        "/c%3a%5csecret.txt",
        "/file:/secret.txt",
        "/jar:file:a.jar!/secret.txt",
        "//secret.txt",
        "//index.html",
        "/index.html/",
        "/sub",
        "/sub//index.html",
        "/sub/./index.html",
        "/sub%2findex.html",
        "/./index.html",
        "/.",
        "/..",
        "/.hidden",
        "/.hidden/",
        "/%2ehidden",
        "/sub/.hidden",
        "/.dir/page.html",
        "/%ff",
        "/%ed%a0%bd%ed%b8%80.png", // the emoji below, as two surrogates
        "/%ef%bf%bd.png",
        "/INDEX.HTML",
        "/outside.txt",
        "/outside/secret.txt",
        "/up/secret.txt",
        "/pages/index.html",
        "/loop"
      })
  void nothingElseIsServed(String path) throws Exception {
    write("secret.txt", "secret");
    write("pages/index.html", "home");
    write("pages/sub/index.html", "sub");
    write("pages/.hidden", "hidden");
    write("pages/sub/.hidden", "hidden");
    write("pages/.dir/page.html", "hidden");
    write("pages/\ud83d\ude00.png", "emoji");
    Path outside = Files.createDirectory(root.resolve("outside"));
    Files.writeString(outside.resolve("secret.txt"), "secret");
    link("pages/outside.txt", Path.of("../secret.txt"));
    link("pages/outside", outside);
    link("pages/up", Path.of(".."));
    link("pages/loop", Path.of("loop"));
    try (HttpPeer peer = connectToFiles()) {
      Reply reply = peer.get(path).read();
      assertThat(reply.status()).isEqualTo(404);
      assertThat(reply.body()).isEqualTo("not found\n");
    }
  }

  private void link(String name, Path target) throws IOException {
    Files.createSymbolicLink(root.resolve(name), target);
  }

  @Test
  void linksWithinTheDirectoryAreFollowed() throws Exception {
    Path elsewhere = Files.createDirectory(root.resolve("elsewhere"));
    Files.createDirectories(elsewhere.resolve("..2026"));
    Files.writeString(elsewhere.resolve("..2026/index.html"), "as Kubernetes mounts it");
    Files.createSymbolicLink(elsewhere.resolve("..data"), Path.of("..2026"));
    Files.createSymbolicLink(elsewhere.resolve("index.html"), Path.of("..data/index.html"));
    link("pages", elsewhere);
    try (HttpPeer peer = connectToFiles()) {
      assertThat(peer.get("/").read().body()).isEqualTo("as Kubernetes mounts it");
      assertThat(peer.get("/..data/index.html").read().status()).isEqualTo(404);
    }
  }

  /** A class loader whose directory ignores case, as that of Windows and macOS. */
  private static final class IgnoringCase extends ClassLoader {

    private final Path root;

    IgnoringCase(Path root) {
      super(null);
      this.root = root;
    }

    @Override
    public @Nullable URL getResource(String name) {
      try {
        Path asked = root.resolve(name);
        Path file = root.resolve(name.toLowerCase(Locale.ROOT));
        if (Files.isRegularFile(file) && !asked.equals(file) && !Files.exists(asked)) {
          Files.createSymbolicLink(asked, file.getFileName()); // one more name for the file
        }
        return Files.exists(file) ? asked.toUri().toURL() : null;
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private static long directBytes() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  @Test
  void resourceIsKeptOnceWhateverNamesItIsRequestedBy() throws Exception {
    Path file = write("pages/large.html", "x".repeat(MEBIBYTE));
    try (HttpPeer peer = connect(new IgnoringCase(root))) {
      long before = directBytes();
      String etag = peer.get("/large.html").read().header("ETag");
      Files.writeString(file, "not read again");
      for (int i = 0; i < 64; i++) {
        StringBuilder name = new StringBuilder("large.html");
        for (int bit = 0; bit < 5; bit++) {
          if ((i >> bit & 1) != 0) {
            name.setCharAt(bit, Character.toUpperCase(name.charAt(bit)));
          }
        }
        Reply reply = peer.get("/" + name).read();
        assertThat(reply.status()).isEqualTo(200);
        assertThat(reply.header("ETag")).as("%s", name).isEqualTo(etag);
        assertThat(reply.body()).hasSize(MEBIBYTE);
        assertThat(reply.header("Content-Type")).startsWith("text/html");
      }
      assertThat(directBytes() - before).isLessThan(3L * MEBIBYTE / 2);
    }
  }

  @Test
  void resourcesAreKeptUpToALimit() throws Exception {
    Files.createDirectory(root.resolve("pages"));
    byte[] content = new byte[15 * MEBIBYTE];
    for (int i = 0; i < 5; i++) {
      try (OutputStream out = Files.newOutputStream(root.resolve("pages/" + i))) {
        out.write(content);
      }
    }
    write("pages/small", "small");
    long before = directBytes();
    try (LogCapture log = new LogCapture("dev.jev")) {
      try (HttpPeer peer = connectToFiles()) {
        for (int i = 0; i < 4; i++) {
          assertThat(peer.get("/" + i).read().status()).isEqualTo(200);
        }
        assertThat(peer.get("/4").read().status()).isEqualTo(500);
        peer.expectEnd();
      }
      assertThat(directBytes() - before).isLessThan(64L * MEBIBYTE);
      assertThat(log.records().stream().map(LogRecord::getThrown).filter(Objects::nonNull))
          .singleElement(THROWABLE)
          .hasMessageContaining("pages/4: more than ")
          .hasMessageContaining(
              "(expected: <= 16777216, and <= 67108864 for all resources together)");
    }
    try (HttpPeer peer = HttpPeer.connect(server)) {
      assertThat(peer.get("/0").read().status()).isEqualTo(200);
      assertThat(peer.get("/small").read().body()).isEqualTo("small");
    }
  }

  @Test
  void namesThatWindowsTakesForOthersAreRefusedThere() {
    List<String> names =
        List.of(
            "sub\\..\\..\\secret.txt",
            "C:",
            "index.html::$DATA",
            "index.html.",
            "index.html ",
            "HIDDEN~1",
            "sub./page");
    assertThat(names).noneMatch(name -> ClassPathDirectory.isPlain(name, /* isWindows= */ true));
    assertThat(names).allMatch(name -> ClassPathDirectory.isPlain(name, /* isWindows= */ false));
    assertThat(ClassPathDirectory.isPlain("a ~b/c.d.e", /* isWindows= */ true)).isTrue();
  }
}
