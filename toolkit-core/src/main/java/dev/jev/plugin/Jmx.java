package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import java.lang.System.Logger.Level;
import java.lang.management.ManagementFactory;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import javax.management.InstanceAlreadyExistsException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.jspecify.annotations.Nullable;

/**
 * Registers a JMX bean for each server while it runs, for tools such as JConsole and VisualVM; see
 * {@link ServerMXBean} for what the bean offers.
 *
 * <p>The bean of a server named {@code echo} is {@code dev.jev:type=Server,name=echo}. If that name
 * is taken, a number is appended: {@code name=echo-2}. A name with a character that JMX reserves is
 * {@linkplain ObjectName#quote quoted}. If the bean cannot be registered, a warning is logged, and
 * the server runs without it. Clients have no bean.
 *
 * <p><b>Security.</b> A tool that has access to JMX in this JVM can close connections and stop the
 * server.
 *
 * <p>One instance may serve several servers.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class Jmx implements Plugin {

  private static final System.Logger LOGGER = System.getLogger("dev.jev");
  private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(5);

  /** A registered bean and its name. */
  private record Registration(ObjectName name, ServerBean bean) {}

  private final @Nullable Drain drain;
  private final Duration answerTimeout;
  private final MBeanServer registry = ManagementFactory.getPlatformMBeanServer();
  private final Map<PluginHost, Registration> registrations = new ConcurrentHashMap<>();

  Jmx(@Nullable Drain drain, Duration answerTimeout) {
    this.drain = drain;
    this.answerTimeout = answerTimeout;
  }

  /** Returns an instance whose beans stop a server without a {@link Drain}. */
  public static Jmx create() {
    return new Jmx(null, ANSWER_TIMEOUT);
  }

  /**
   * Returns an instance whose beans begin a drain.
   *
   * @param drain a plugin of the same servers
   */
  public static Jmx create(Drain drain) {
    return new Jmx(requireNonNull(drain, "drain"), ANSWER_TIMEOUT);
  }

  // Called by the server.

  @Override
  public void start(PluginHost host) {
    if (!(host instanceof Server)) {
      return;
    }
    ServerBean bean = new ServerBean(host, drain, answerTimeout);
    try {
      registrations.put(host, new Registration(register(bean, host.name()), bean));
    } catch (JMException | RuntimeException e) {
      LOGGER.log(Level.WARNING, "server " + host.name() + " has no JMX bean", e);
    }
  }

  private ObjectName register(ServerBean bean, String name) throws JMException {
    for (int number = 1; ; number++) {
      ObjectName free = objectName(number == 1 ? name : name + "-" + number);
      try {
        return registry.registerMBean(bean, free).getObjectName();
      } catch (InstanceAlreadyExistsException e) {
        // Another server has the name.
      }
    }
  }

  private static ObjectName objectName(String name) throws JMException {
    boolean reserved = name.chars().anyMatch(c -> ",=:\"*?\n".indexOf(c) >= 0);
    return new ObjectName("dev.jev:type=Server,name=" + (reserved ? ObjectName.quote(name) : name));
  }

  @Override
  public void stop(PluginHost host) {
    Registration registration = registrations.remove(host);
    if (registration == null) {
      return;
    }
    try {
      registry.unregisterMBean(registration.name());
    } catch (JMException e) { // it was unregistered by other code
      LOGGER.log(Level.DEBUG, "JMX bean " + registration.name() + " is gone", e);
    }
  }

  @Override
  public void loopLagged(PluginHost host, Thread loop, Duration lag) {
    withBean(host, bean -> bean.loopLagged(loop, lag));
  }

  @Override
  public void acceptPaused(PluginHost host, SocketAddress listener, Throwable cause) {
    withBean(host, ServerBean::acceptPaused);
  }

  @Override
  public void acceptResumed(PluginHost host, SocketAddress listener) {
    withBean(host, ServerBean::acceptResumed);
  }

  private void withBean(PluginHost host, Consumer<ServerBean> action) {
    Registration registration = registrations.get(host);
    if (registration != null) {
      action.accept(registration.bean());
    }
  }
}
