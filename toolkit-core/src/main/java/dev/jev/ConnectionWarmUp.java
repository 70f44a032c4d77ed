package dev.jev;

import io.netty.buffer.ByteBuf;
import java.lang.System.Logger.Level;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * One connection inside the process at the first start, so that no event loop loads the classes of
 * a connection later.
 *
 * <p>There are more than a hundred of them, including those that the JVM makes of lambdas. The
 * first real connection would load them on its event loop, and delay all others.
 */
final class ConnectionWarmUp {

  private static final long WAIT_SECONDS = 1;
  private static final Set<Transport> BEGUN = ConcurrentHashMap.newKeySet();

  /** A protocol whose messages are bytes. */
  private static final class Numbers implements Protocol<Byte, Byte> {

    @Override
    public Byte unpack(ProtocolContext context, ByteBuf in) {
      return in.readByte();
    }

    @Override
    public void pack(Byte number, ByteBuf out) {
      out.writeByte(number);
    }
  }

  /** A handler that answers each message twice: directly, and by a topic. */
  private static final class Echo implements Handler<Byte, Byte> {

    private final Topic<Byte> topic = Topic.of("warm-up");

    @Override
    public void onConnect(Connection<Byte> connection) {
      topic.subscribe(connection);
    }

    @Override
    public void onMessage(Connection<Byte> connection, Byte message) {
      connection.send(message);
      topic.publish(message);
    }
  }

  private ConnectionWarmUp() {}

  /**
   * Opens and closes that connection, unless this was done before or the caller is an event loop.
   * Also loads the socket of the transport, and the protocol: the first one may initialize a
   * library such as Jackson, which takes longer than all the rest.
   *
   * @throws IllegalArgumentException if {@code protocols} throws it: a protocol has wrong options
   */
  static void run(Transport transport, Supplier<?> protocols) {
    if (Loop.current() != null) {
      return;
    }
    try {
      Object unused = protocols.get();
    } catch (IllegalArgumentException e) {
      throw e;
    } catch (Throwable t) { // each connection reports it, too
      RateLimitedLog.write(Level.DEBUG, "no protocol could be made before the first connection", t);
    }
    run(transport);
  }

  private static void run(Transport transport) {
    if (!BEGUN.add(transport)) {
      return;
    }
    try {
      if (transport == Transport.LOCAL) {
        connect();
      } else {
        ClientSockets.openTcp(transport).unsafe().closeForcibly();
        run(Transport.LOCAL);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (Throwable t) { // out of file descriptors, for example
      RateLimitedLog.write(Level.DEBUG, "the first connection has to load its classes", t);
    }
  }

  @SuppressWarnings("try") // the server is only to be there
  private static void connect() throws InterruptedException {
    CountDownLatch answers = new CountDownLatch(2);
    try (EventLoops loops = EventLoops.builder().transport(Transport.LOCAL).count(1).start();
        Server server =
            Server.builder(Numbers::new, new Echo())
                .eventLoops(loops)
                .listen("local://dev.jev.warm-up")
                .start();
        Client<Byte> client =
            Client.<Byte, Byte>builder(Numbers::new, (connection, message) -> answers.countDown())
                .eventLoops(loops)
                .connect("local://dev.jev.warm-up")) {
      client.connected().thenRun(() -> client.send((byte) 1));
      answers.await(WAIT_SECONDS, TimeUnit.SECONDS);
    }
  }
}
