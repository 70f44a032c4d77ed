import java.io.File;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Checks which native jars come with the one dependency, then echoes. */
public final class PlainOnce {

  private static final List<String> NATIVE_JARS =
      List.of(
          "epoll-linux-aarch_64",
          "epoll-linux-riscv64",
          "epoll-linux-x86_64",
          "io_uring-linux-aarch_64",
          "io_uring-linux-riscv64",
          "io_uring-linux-x86_64",
          "kqueue-osx-aarch_64",
          "kqueue-osx-x86_64");

  private PlainOnce() {}

  public static void main(String[] args) throws Exception {
    var found = new TreeSet<String>();
    Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
        .map(entry -> new File(entry).getName())
        .filter(name -> name.startsWith("netty-transport-native-") && !name.contains("unix-common"))
        .map(name -> name.replaceFirst("netty-transport-native-([a-z_]+)-.*Final-(.+).jar", "$1-$2"))
        .forEach(found::add);
    if (!List.copyOf(found).equals(NATIVE_JARS)) {
      throw new IllegalStateException("native jars: " + found + " (expected: " + NATIVE_JARS + ")");
    }
    EchoOnce.main(args);
  }
}
