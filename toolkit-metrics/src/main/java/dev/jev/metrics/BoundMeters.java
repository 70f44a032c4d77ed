package dev.jev.metrics;

import dev.jev.Requests;
import dev.jev.Topic;
import dev.jev.plugin.Limits;
import dev.jev.plugin.Tls;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** The meters of objects that are bound to {@link Metrics}: each is the sum over a group. */
final class BoundMeters {

  /** Objects of one type that are measured together. */
  private final class Group<T> {

    private final List<T> members = new CopyOnWriteArrayList<>();
    private final Tags tags;

    Group(Tags tags) {
      this.tags = tags;
    }

    void add(T member) {
      if (!members.contains(member)) {
        members.add(member);
      }
    }

    private double sum(ToLongFunction<? super T> value) {
      return members.stream().mapToLong(value).sum();
    }

    void counter(String name, String description, ToLongFunction<? super T> value) {
      counter(name, description, Tags.empty(), value);
    }

    void counter(String name, String description, Tags more, ToLongFunction<? super T> value) {
      FunctionCounter.builder(name, this, group -> group.sum(value))
          .description(description)
          .tags(tags.and(more))
          .register(registry);
    }

    void gauge(
        String name, String description, @Nullable String unit, ToLongFunction<? super T> value) {
      Gauge.builder(name, this, group -> group.sum(value))
          .description(description)
          .baseUnit(unit)
          .tags(tags)
          .strongReference(true)
          .register(registry);
    }

    void timer(
        String name,
        String description,
        ToLongFunction<? super T> count,
        ToLongFunction<? super T> totalNanos) {
      FunctionTimer.builder(
              name,
              this,
              group -> (long) group.sum(count),
              group -> group.sum(totalNanos),
              TimeUnit.NANOSECONDS)
          .description(description)
          .tags(tags)
          .register(registry);
    }
  }

  private final MeterRegistry registry;
  private final Map<String, Group<Topic<?>>> topics = new ConcurrentHashMap<>();
  private final Map<String, Group<Requests<?, ?>>> requests = new ConcurrentHashMap<>();
  private @Nullable Group<Limits> limits; // guarded by this
  private @Nullable Group<Tls> tls; // guarded by this

  BoundMeters(MeterRegistry registry) {
    this.registry = registry;
  }

  synchronized void add(Topic<?> topic) {
    topics.computeIfAbsent(topic.name(), this::newTopics).add(topic);
  }

  private Group<Topic<?>> newTopics(String name) {
    Group<Topic<?>> group = new Group<>(Tags.of("topic", name));
    group.counter(
        "jev.topic.published", "Messages that were published", t -> t.counts().published());
    group.counter(
        "jev.topic.delivered",
        "Messages that were added to a subscriber's output",
        t -> t.counts().delivered());
    group.counter(
        "jev.topic.dropped",
        "Messages that a subscriber did not receive",
        t -> t.counts().dropped());
    group.counter(
        "jev.topic.conflated",
        "Messages that were replaced by newer ones",
        t -> t.counts().conflated());
    group.counter(
        "jev.topic.closed",
        "Connections that were closed because they were too slow",
        t -> t.counts().closed());
    group.gauge("jev.topic.subscribers", "Subscribed connections", null, Topic::size);
    group.gauge(
        "jev.topic.pending",
        "Messages that are queued because their subscribers are slow",
        "bytes",
        Topic::pendingBytes);
    return group;
  }

  synchronized void add(String name, Requests<?, ?> added) {
    requests.computeIfAbsent(name, this::newRequests).add(added);
  }

  private Group<Requests<?, ?>> newRequests(String name) {
    Group<Requests<?, ?>> group = new Group<>(Tags.of("requests", name));
    group.gauge("jev.requests.open", "Requests that wait for answers", null, r -> r.stats().open());
    group.counter("jev.requests.asked", "Requests", r -> r.stats().asked());
    group.counter(
        "jev.requests.timed.out",
        "Requests whose answers did not come in time",
        r -> r.stats().timedOut());
    group.counter(
        "jev.requests.late",
        "Answers that came after the timeout or a cancellation",
        r -> r.stats().late());
    group.timer(
        "jev.requests.latency",
        "Time from the question to the answer",
        r -> r.stats().answered(),
        r -> r.stats().totalLatency().toNanos());
    return group;
  }

  synchronized void add(Tls added) {
    Group<Tls> group = tls;
    if (group == null) {
      group = new Group<>(Tags.empty());
      handshakes(group, "completed", Tls.Handshakes::completed);
      handshakes(group, "refused", Tls.Handshakes::refused);
      handshakes(group, "timed_out", Tls.Handshakes::timedOut);
      handshakes(group, "left", Tls.Handshakes::left);
      Gauge.builder("jev.tls.certificate.expiry", group, BoundMeters::daysUntilExpiry)
          .description("Days until the first certificate of this end expires")
          .baseUnit("days")
          .strongReference(true)
          .register(registry);
      tls = group;
    }
    group.add(added);
  }

  private static void handshakes(
      Group<Tls> group, String outcome, ToLongFunction<Tls.Handshakes> value) {
    group.counter(
        "jev.tls.handshakes",
        "Handshakes of TLS",
        Tags.of("outcome", outcome),
        tls -> value.applyAsLong(tls.handshakes()));
  }

  /** Returns the days until the first certificate expires, negative afterwards; NaN without any. */
  private static double daysUntilExpiry(Group<Tls> group) {
    return group.members.stream()
        .map(Tls::certificateExpiry)
        .filter(Objects::nonNull)
        .min(Comparator.naturalOrder())
        .map(expiry -> Duration.between(Instant.now(), expiry).toMinutes() / (24 * 60.0))
        .orElse(Double.NaN);
  }

  synchronized void add(Limits added) {
    Group<Limits> group = limits;
    if (group == null) {
      group = new Group<>(Tags.empty());
      group.counter(
          "jev.limits.refused",
          "Connections that were refused because too many were open",
          Limits::refused);
      group.counter(
          "jev.limits.closed",
          "Connections that were closed because of another limit",
          Limits::closed);
      group.gauge(
          "jev.limits.buffered",
          "Memory that counts against the buffer budget",
          "bytes",
          Limits::bufferedBytes);
      limits = group;
    }
    group.add(added);
  }
}
