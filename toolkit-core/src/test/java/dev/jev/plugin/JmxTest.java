package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.ConnectionInfo;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Loopback;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.management.JMX;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.openmbean.CompositeData;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tests the bean of a server through the MBean server of the JVM. */
class JmxTest {

  private static final MBeanServer REGISTRY = ManagementFactory.getPlatformMBeanServer();
  private static final Handler<String, String> ECHO = Connection::send;

  private final List<AutoCloseable> toClose = new ArrayList<>();

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable each : toClose) {
      each.close();
    }
    assertThat(beans()).isEmpty();
  }

  private static Set<ObjectName> beans() throws Exception {
    return REGISTRY.queryNames(new ObjectName("dev.jev:*"), null);
  }

  private Server start(String name, Handler<String, String> handler, Plugin... plugins) {
    Server.Builder<String, String> builder =
        Server.<String, String>builder(Texts::new, handler)
            .name(name)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(2)
            .blockedLoopThreshold(Duration.ofSeconds(1));
    List.of(plugins).forEach(builder::plugin);
    Server server = builder.start();
    toClose.add(server);
    return server;
  }

  private RawPeer connect(Server server) throws IOException {
    RawPeer peer = RawPeer.connect(server);
    toClose.add(0, peer);
    return peer;
  }

  private static ServerMXBean bean(String name) throws Exception {
    return JMX.newMXBeanProxy(
        REGISTRY, new ObjectName("dev.jev:type=Server,name=" + name), ServerMXBean.class);
  }

  private static String address(RawPeer peer) {
    return peer.socket().getLocalSocketAddress().toString();
  }

  @Test
  void attributesAreThoseOfTheServer() throws Exception {
    Server server = start("echo", ECHO, Jmx.create());
    ServerMXBean bean = bean("echo");
    assertThat(bean.getName()).isEqualTo("echo");
    assertThat(bean.getAddresses()).containsExactly(server.addresses().get(0).toString());
    assertThat(bean.getConnectionCount()).isZero();
    connect(server).send("a").receive();
    connect(server).send("b").receive();
    assertThat(bean.getConnectionCount()).isEqualTo(2);
    assertThat(bean.getPendingTasks()).isNotNegative();
  }

  @Test
  void tasksThatWaitAreCounted() throws Exception {
    Blocker blocker = new Blocker();
    Server server = start("echo", blocker, Jmx.create());
    connect(server).send("block");
    blocker.awaitEntered();
    server.connections().list(); // which needs a task on each event loop
    assertThat(bean("echo").getPendingTasks()).isPositive();
    blocker.release.countDown();
  }

  /** An echo whose event loop is blocked by the message "block". */
  private static final class Blocker implements Handler<String, String> {

    private final CountDownLatch entered = new CountDownLatch(1);
    private final CountDownLatch release = new CountDownLatch(1);

    void awaitEntered() throws InterruptedException {
      assertThat(entered.await(20, TimeUnit.SECONDS)).isTrue();
    }

    @Override
    public void onMessage(Connection<String> connection, String message) {
      if (message.equals("block")) {
        entered.countDown();
        try {
          assertThat(release.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
      connection.send(message);
    }
  }

  @Test
  void lagOfEachLoopIsListed() throws Exception {
    start("echo", ECHO, Jmx.create());
    ServerMXBean bean = bean("echo");
    Eventually.holds("both loops have run", () -> bean.getLoopLags().size() == 2);
    assertThat(bean.getLoopLags())
        .allSatisfy(
            lag -> {
              assertThat(lag.getLoop()).startsWith("jev-echo-");
              assertThat(lag.getCount()).isPositive();
              assertThat(lag.getMedianMillis()).isBetween(0.0, lag.getP99Millis());
              assertThat(lag.getMaxMillis()).isBetween(lag.getP99Millis(), 60_000.0);
            });
  }

  @Test
  void connectionsAreListed() throws Exception {
    Server server = start("echo", ECHO, Jmx.create(), Diagnostics.create());
    RawPeer peer = connect(server);
    peer.send("hi").receive();
    assertThat(bean("echo").listConnections())
        .singleElement()
        .satisfies(
            connection -> {
              assertThat(connection.getRemoteAddress()).isEqualTo(address(peer));
              assertThat(connection.getLocalAddress()).isEqualTo("/127.0.0.1:" + server.port());
              assertThat(connection.getListener()).isEqualTo(server.addresses().get(0).toString());
              assertThat(connection.getProtocol()).isEqualTo("Texts");
              assertThat(connection.getState()).isEqualTo(ConnectionInfo.State.OPEN);
              assertThat(connection.getAgeMillis()).isBetween(0L, 60_000L);
              assertThat(connection.getPendingBytes()).isZero();
              assertThat(connection.getBufferedBytes()).isZero();
              assertThat(connection.getMessagesReceived()).isEqualTo(1);
              assertThat(connection.getMessagesSent()).isEqualTo(1);
              assertThat(connection.getBytesReceived()).isEqualTo(6);
              assertThat(connection.getBytesSent()).isEqualTo(6);
            });
  }

  @Test
  void countersAreNullIfNoPluginCounts() throws Exception {
    connect(start("echo", ECHO, Jmx.create())).send("hi").receive();
    assertThat(bean("echo").listConnections())
        .singleElement()
        .satisfies(
            connection -> {
              assertThat(connection.getMessagesReceived()).isNull();
              assertThat(connection.getMessagesSent()).isNull();
              assertThat(connection.getBytesReceived()).isNull();
              assertThat(connection.getBytesSent()).isNull();
            });
  }

  @Test
  void toolsNeedNoClassOfJev() throws Exception {
    connect(start("echo", ECHO, Jmx.create())).send("hi").receive();
    ObjectName name = new ObjectName("dev.jev:type=Server,name=echo");
    Object all = REGISTRY.invoke(name, "listConnections", new Object[0], new String[0]);
    assertThat((CompositeData[]) all)
        .singleElement()
        .satisfies(connection -> assertThat(connection.get("state")).isEqualTo("OPEN"));
    assertThat(REGISTRY.getAttribute(name, "LoopLags")).isInstanceOf(CompositeData[].class);
  }

  @Test
  void connectionIsClosedByItsAddress() throws Exception {
    Recorder<String, String> recorder = new Recorder<>(ECHO);
    Server server = start("echo", recorder, Jmx.create());
    RawPeer closed = connect(server);
    closed.send("one").receive();
    RawPeer other = connect(server);
    other.send("two").receive();
    recorder.expect("connect", "message one", "connect", "message two");
    assertThat(bean("echo").closeConnections("/127.0.0.1:1")).isZero();
    assertThat(bean("echo").closeConnections(address(closed))).isEqualTo(1);
    closed.expectEnd();
    recorder.expect("close CLOSED");
    assertThat(other.send("still here").receive()).isEqualTo("still here");
  }

  @Test
  void acceptingPausesAndResumes() throws Exception {
    Server server = start("echo", ECHO, Jmx.create());
    ServerMXBean bean = bean("echo");
    assertThat(bean.isAcceptingPaused()).isFalse();
    bean.pauseAccepting();
    assertThat(bean.isAcceptingPaused()).isTrue();
    server.pauseAccepting(this);
    bean.resumeAccepting();
    assertThat(bean.isAcceptingPaused()).as("the program's pause").isTrue();
    server.connections().list().toCompletableFuture().get(10, TimeUnit.SECONDS); // behind the pause
    RawPeer waiting = connect(server);
    waiting.send("hi");
    assertThat(server.connections().list().toCompletableFuture().get(10, TimeUnit.SECONDS))
        .isEmpty();
    server.resumeAccepting(this);
    assertThat(bean.isAcceptingPaused()).isFalse();
    assertThat(waiting.receive()).isEqualTo("hi");
  }

  @Test
  void acceptingIsPausedWhileAcceptsFail() throws Exception {
    Jmx jmx = Jmx.create();
    Server server = start("echo", ECHO, jmx);
    jmx.acceptPaused(server, server.addresses().get(0), new IOException("too many open files"));
    assertThat(bean("echo").isAcceptingPaused()).isTrue();
    jmx.acceptResumed(server, server.addresses().get(0));
    assertThat(bean("echo").isAcceptingPaused()).isFalse();
  }

  @Test
  void drainStopsTheServer() throws Exception {
    Server server = start("echo", ECHO, Jmx.create());
    RawPeer peer = connect(server);
    peer.send("hi").receive();
    bean("echo").drain();
    peer.expectEnd();
    server.awaitStop();
    assertThat(beans()).isEmpty();
  }

  @Test
  void drainBeginsTheDrain() throws Exception {
    Drain drain =
        Drain.builder()
            .acceptTime(Duration.ZERO)
            .spread(Duration.ZERO)
            .withoutShutdownHook()
            .build();
    Server server = start("echo", ECHO, Jmx.create(drain), drain);
    connect(server).send("hi").receive();
    assertThat(drain.phase()).isEqualTo(Drain.Phase.SERVING);
    bean("echo").drain();
    Drain.Report report = drain.ended().toCompletableFuture().get(10, TimeUnit.SECONDS);
    assertThat(report.closed()).isEqualTo(1);
    assertThat(beans()).isEmpty();
  }

  @Test
  void drainOfOtherServersIsRefused() throws Exception {
    Drain drain = Drain.builder().withoutShutdownHook().build();
    start("echo", ECHO, Jmx.create(drain));
    ServerMXBean bean = bean("echo");
    assertThatIllegalStateException()
        .isThrownBy(bean::drain)
        .withMessage("drain is no plugin of server echo; add it to the server as well");
    assertThat(drain.isReady()).isTrue();
  }

  @Test
  void blockedLoopDoesNotBlockTheTool() throws Exception {
    Blocker blocker = new Blocker();
    Server server = start("echo", blocker, new Jmx(/* drain= */ null, Duration.ofMillis(100)));
    RawPeer blocked = connect(server);
    blocked.send("block");
    blocker.awaitEntered();
    ServerMXBean bean = bean("echo");
    String message =
        "no answer from all event loops within PT0.1S; the log has the stack trace of one that is"
            + " blocked";
    assertThatIllegalStateException().isThrownBy(bean::listConnections).withMessage(message);
    assertThatIllegalStateException()
        .isThrownBy(() -> bean.closeConnections("/127.0.0.1:1"))
        .withMessage(message);
    assertThat(bean.getConnectionCount()).isEqualTo(1);
    blocker.release.countDown();
    assertThat(blocked.receive()).isEqualTo("block");
    Eventually.holds("it answers", () -> answers(bean));
  }

  private static boolean answers(ServerMXBean bean) {
    try {
      return bean.listConnections().size() == 1;
    } catch (IllegalStateException e) { // the machine is busy
      return false;
    }
  }

  @Test
  void interruptEndsTheWait() throws Exception {
    Blocker blocker = new Blocker();
    Server server = start("echo", blocker, new Jmx(/* drain= */ null, Duration.ofMinutes(1)));
    connect(server).send("block");
    blocker.awaitEntered();
    ServerMXBean bean = bean("echo");
    Thread.currentThread().interrupt();
    assertThatIllegalStateException()
        .isThrownBy(bean::listConnections)
        .withMessage("interrupted while waiting for the event loops");
    assertThat(Thread.interrupted()).isTrue();
    blocker.release.countDown();
  }

  @Test
  void numberIsAppendedToANameThatIsTaken() throws Exception {
    Jmx jmx = Jmx.create();
    Server first = start("echo", ECHO, jmx);
    Server second = start("echo", ECHO, jmx);
    Server third = start("echo", ECHO, Jmx.create());
    assertThat(addressesOf("echo", "echo-2", "echo-3"))
        .containsExactly(address(first), address(second), address(third));
    second.close();
    assertThat(addressesOf("echo", "echo-3")).containsExactly(address(first), address(third));
    Server fourth = start("echo", ECHO, jmx);
    assertThat(addressesOf("echo-2")).containsExactly(address(fourth));
  }

  private static String address(Server server) {
    return server.addresses().get(0).toString();
  }

  private static List<String> addressesOf(String... names) throws Exception {
    List<String> addresses = new ArrayList<>();
    for (String name : names) {
      addresses.addAll(bean(name).getAddresses());
    }
    return addresses;
  }

  @Test
  void nameWithReservedCharactersIsQuoted() throws Exception {
    start("a,b=c:\"d\"*?", ECHO, Jmx.create());
    start("a,b=c:\"d\"*?", ECHO, Jmx.create());
    assertThat(bean(ObjectName.quote("a,b=c:\"d\"*?")).getName()).isEqualTo("a,b=c:\"d\"*?");
    assertThat(bean(ObjectName.quote("a,b=c:\"d\"*?-2")).getName()).isEqualTo("a,b=c:\"d\"*?");
  }

  @Test
  void beanThatIsGoneDoesNotDisturbTheStop() throws Exception {
    Server server = start("echo", ECHO, Jmx.create());
    REGISTRY.unregisterMBean(new ObjectName("dev.jev:type=Server,name=echo"));
    server.close();
    assertThat(server.connectionCount()).isZero();
  }

  @Test
  void clientHasNoBean() throws Exception {
    Jmx jmx = Jmx.create();
    Server server = start("echo", ECHO, jmx);
    Recorder<String, String> recorder = Recorder.silent();
    Client<String> client =
        Loopback.client(Client.builder(Texts::new, recorder))
            .plugin(jmx)
            .connect("tcp://127.0.0.1:" + server.port());
    toClose.add(0, client);
    recorder.expect("connect");
    assertThat(beans()).hasSize(1);
  }

  @Test
  void nullDrainIsRefused() {
    assertThatThrownBy(() -> Jmx.create(null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("drain");
  }
}
