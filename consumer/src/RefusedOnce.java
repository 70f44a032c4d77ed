import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;

/** Expects that a server refuses to start, and says which versions of Netty it found and what to do. */
public final class RefusedOnce {

  private RefusedOnce() {}

  public static void main(String[] args) {
    try (Server server =
        Server.builder(Protocols::bytes, Connection::send).listen("tcp://127.0.0.1:0").start()) {
      throw new AssertionError("server: port " + server.port() + " (expected: an exception)");
    } catch (IllegalStateException e) {
      System.out.println("refused: " + e.getMessage());
      String message = e.getMessage().replace('\n', ' ');
      for (String part : new String[] {"netty-common", "4[.]1[.]", "4[.]2[.]", "dev.jev:jev-bom"}) {
        EchoOnce.check("message", message, ".*" + part + ".*");
      }
    }
  }
}
