import dev.jev.Connection;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import java.io.File;
import java.net.InetAddress;
import java.net.Socket;
import java.util.Arrays;
import java.util.List;

/** Echoes one message through a server; fails if a native jar or the native transport is missing. */
public final class EchoOnce {
  /** Patterns of the native jars that come with the one dependency: name, version, classifier. */
  private static final List<String> NATIVE_JARS =
      List.of(
          "epoll-.*-linux-x86_64",
          "epoll-.*-linux-aarch_64",
          "epoll-.*-linux-riscv64",
          "io_uring-.*-linux-x86_64",
          "io_uring-.*-linux-aarch_64",
          "io_uring-.*-linux-riscv64",
          "kqueue-.*-osx-x86_64",
          "kqueue-.*-osx-aarch_64");

  public static void main(String[] args) throws Exception {
    try (Server server =
        Server.builder(Bytes::new, Connection::send)
            .listen("tcp://127.0.0.1:0")
            .transport(Transport.AUTO)
            .start()) {
      System.out.println("transport: " + server.transport());
      for (String nativeJar : NATIVE_JARS) {
        boolean present =
            Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(entry -> new File(entry).getName())
                .anyMatch(name -> name.matches("netty-transport-native-" + nativeJar + "[.]jar"));
        check(present, "native jar: none (expected: " + nativeJar + ")");
      }

      byte[] message = {'h', 'e', 'l', 'l', 'o'};
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
        socket.setSoTimeout(10_000);
        socket.getOutputStream().write(message);
        byte[] echo = socket.getInputStream().readNBytes(message.length);
        check(Arrays.equals(echo, message), "echo: " + Arrays.toString(echo));
      }

      String os = System.getProperty("os.name");
      String arch = System.getProperty("os.arch");
      boolean epollExpected = os.equals("Linux") && (arch.equals("amd64") || arch.equals("aarch64"));
      check(
          !epollExpected || server.transport() == Transport.EPOLL,
          "transport: " + server.transport() + " (expected: EPOLL on " + os + " " + arch + ")");
    }
  }

  private static void check(boolean holds, String message) {
    if (!holds) {
      throw new IllegalStateException(message);
    }
  }

  private static final class Bytes implements Protocol<ByteBuf, ByteBuf> {
    @Override
    public ByteBuf unpack(ProtocolContext context, ByteBuf in) {
      return in.isReadable() ? in.readRetainedSlice(in.readableBytes()) : null;
    }

    @Override
    public void pack(ByteBuf message, ByteBuf out) {
      out.writeBytes(message);
    }
  }
}
