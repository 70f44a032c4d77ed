import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.codec.Protocols;
import java.io.File;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Checks which native jars come with the one dependency, then echoes. */
public final class PlainOnce {

  private static final List<String> NATIVE_JARS =
      List.of(
          "epoll-linux-aarch_64", "epoll-linux-x86_64", "kqueue-osx-aarch_64", "kqueue-osx-x86_64");

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
    if (System.getProperty("os.name").equals("Linux")) {
      ioUringNamesItsArtifact();
    }
    EchoOnce.main(args);
  }

  private static void ioUringNamesItsArtifact() {
    try (Server server =
        Server.builder(Protocols::bytes, Connection::send)
            .transport(Transport.IO_URING)
            .listen("tcp://127.0.0.1:0")
            .start()) {
      throw new AssertionError("transport: " + server.transport() + " (expected: an exception)");
    } catch (IllegalStateException e) {
      String artifact = "io.netty:netty-transport-native-io_uring with classifier linux-";
      EchoOnce.check("message", e.getMessage(), ".*" + artifact + ".* is not on the class path");
    }
  }
}
