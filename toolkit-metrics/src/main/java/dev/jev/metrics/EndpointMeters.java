package dev.jev.metrics;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.netty.channel.EventLoop;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToLongFunction;

/**
 * The meters of the servers and clients of one name.
 *
 * <p>They stay when a server stops, so that its counters continue if it is started again.
 */
final class EndpointMeters {

  /** The value of the tag {@code listener} for clients. */
  private static final String CLIENT = "client";

  private record PausedListener(PluginHost host, SocketAddress address) {}

  private final MeterRegistry registry;
  private final Tags tags;
  private final List<PluginHost> hosts = new CopyOnWriteArrayList<>(); // that run
  private final Map<String, ListenerMeters> listeners = new ConcurrentHashMap<>();
  private final Map<Thread, BusyConnections> busy = new ConcurrentHashMap<>();
  private final Set<Thread> blocked = ConcurrentHashMap.newKeySet();
  private final Set<PausedListener> paused = ConcurrentHashMap.newKeySet();
  private final LongAdder droppedByStopped = new LongAdder(); // datagrams of servers that stopped
  private final Timer lag;
  private final Timer blockedTime;
  private final Counter pauses;

  EndpointMeters(MeterRegistry registry, String name) {
    this.registry = registry;
    this.tags = Tags.of("server", name);
    this.lag =
        Timer.builder("jev.eventloop.lag")
            .description("Time that a task waits for its event loop")
            .publishPercentiles(0.5, 0.99)
            .tags(tags)
            .register(registry);
    this.blockedTime =
        Timer.builder("jev.eventloop.blocked")
            .description(
                "Time for which an event loop was blocked, each time above blockedLoopThreshold")
            .tags(tags)
            .register(registry);
    this.pauses =
        Counter.builder("jev.accept.pauses")
            .description("Pauses of accepting because the process had no file descriptor left")
            .tags(tags)
            .register(registry);
    register();
  }

  private void register() {
    gauge(
        "jev.eventloop.tasks",
        "Tasks that wait in the queues of the event loops",
        "tasks",
        meters -> meters.hosts.stream().mapToLong(PluginHost::pendingTasks).sum());
    gauge(
        "jev.bytes.pending",
        "Output that waits to be written",
        "bytes",
        meters -> meters.busy.values().stream().mapToLong(BusyConnections::pendingBytes).sum());
    gauge(
        "jev.bytes.buffered",
        "Memory that the input and output of connections occupies",
        "bytes",
        meters -> meters.busy.values().stream().mapToLong(BusyConnections::bufferedBytes).sum());
    gauge(
        "jev.accept.paused",
        "Listeners that do not accept because the process has no file descriptor left",
        "listeners",
        meters -> meters.paused.size());
    FunctionCounter.builder("jev.datagrams.dropped", this, EndpointMeters::droppedDatagrams)
        .description("Datagrams that were dropped")
        .tags(tags)
        .register(registry);
  }

  private void gauge(
      String name, String description, String unit, ToLongFunction<EndpointMeters> value) {
    Gauge.builder(name, this, value::applyAsLong)
        .description(description)
        .baseUnit(unit)
        .tags(tags)
        .strongReference(true)
        .register(registry);
  }

  private long droppedDatagrams() {
    return droppedByStopped.sum() + hosts.stream().mapToLong(EndpointMeters::dropped).sum();
  }

  private static long dropped(PluginHost host) {
    return host instanceof Server server ? server.droppedDatagrams() : 0;
  }

  void start(PluginHost host) {
    hosts.add(host);
    host.configuredAddresses().forEach(address -> listener(listenerName(host, address)));
  }

  void stop(PluginHost host) {
    if (hosts.remove(host)) {
      droppedByStopped.add(dropped(host));
      paused.removeIf(listener -> listener.host() == host);
    }
  }

  private static String listenerName(PluginHost host, String configuredAddress) {
    return host.addresses().isEmpty() ? CLIENT : configuredAddress;
  }

  private ListenerMeters listener(String name) {
    return listeners.computeIfAbsent(
        name, key -> new ListenerMeters(registry, tags.and("listener", key)));
  }

  private ListenerMeters listener(PluginHost host, SocketAddress address) {
    int index = host.addresses().indexOf(address);
    return listener(index < 0 ? CLIENT : host.configuredAddresses().get(index));
  }

  /** Returns the observer of a new connection. Called on its event loop. */
  MeasuredConnection install(Plugin.Link link) {
    return new MeasuredConnection(
        link,
        listener(link.host(), link.connection().listener()),
        busy(link.pipeline().channel().eventLoop()));
  }

  private BusyConnections busy(EventLoop loop) {
    BusyConnections known = busy.get(Thread.currentThread());
    if (known == null) {
      busy.keySet().removeIf(thread -> !thread.isAlive());
      known = busy.computeIfAbsent(Thread.currentThread(), thread -> new BusyConnections(loop));
    }
    return known;
  }

  void connectionRefused(PluginHost host, SocketAddress address, CloseReason.Kind reason) {
    listener(host, address).counters().add(Count.refused(reason), 1);
  }

  void acceptPaused(PluginHost host, SocketAddress address) {
    pauses.increment();
    paused.add(new PausedListener(host, address));
  }

  void acceptResumed(PluginHost host, SocketAddress address) {
    paused.remove(new PausedListener(host, address));
  }

  void loopLagged(Thread loop, Duration time) {
    lag.record(time);
    if (blocked.remove(loop)) {
      blockedTime.record(time);
    }
    BusyConnections connections = busy.get(loop);
    if (connections != null) {
      connections.sumSoon();
    }
  }

  void loopBlocked(Thread loop) {
    blocked.add(loop);
  }
}
