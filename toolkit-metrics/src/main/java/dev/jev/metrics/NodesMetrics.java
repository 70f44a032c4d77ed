package dev.jev.metrics;

import static java.util.Objects.requireNonNull;

import dev.jev.nodes.Nodes;
import dev.jev.nodes.Nodes.Counts;
import dev.jev.nodes.Nodes.Health.State;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.function.ToLongFunction;

/**
 * Measures topics on many nodes: what became of publications, what was repaired or lost, and
 * whether the engine can be reached.
 *
 * <pre>new NodesMetrics(nodes).bindTo(registry);</pre>
 *
 * <p>This class needs {@code toolkit-nodes}, which {@code toolkit-metrics} does not bring. No meter
 * has the name of a topic, so that their number does not depend on the application's data. The
 * subscribers of a topic at this node are those of {@code NodeTopic.local()}, which {@link
 * Metrics#bind(dev.jev.Topic)} measures.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
@SuppressWarnings("exports") // users of other parts of this module need no dev.jev.nodes
public final class NodesMetrics implements MeterBinder {

  private final Nodes nodes;
  private final Tags tags;

  /** Measures a node, without tags of its own: one node per registry. */
  public NodesMetrics(Nodes nodes) {
    this(nodes, Tags.empty());
  }

  /** Measures a node. The tags tell it from other nodes of the same registry. */
  public NodesMetrics(Nodes nodes, Iterable<Tag> tags) {
    this.nodes = requireNonNull(nodes, "nodes");
    this.tags = Tags.of(tags);
  }

  @Override
  public void bindTo(MeterRegistry registry) {
    bindPublications(registry);
    bindRecords(registry);
    bindResumptions(registry);
    Gauge.builder("jev.nodes.topics", nodes, n -> n.counts().topics())
        .description("Topics that the node listens to")
        .baseUnit("topics")
        .tags(tags)
        .strongReference(true)
        .register(registry);
    Gauge.builder("jev.nodes.up", nodes, n -> n.health().state() == State.UP ? 1 : 0)
        .description("1 while the engine can be reached, otherwise 0")
        .tags(tags)
        .strongReference(true)
        .register(registry);
  }

  private void bindPublications(MeterRegistry registry) {
    published(registry, "stored", Counts::stored);
    published(registry, "sent", Counts::sent);
    published(registry, "local_only", Counts::localOnly);
    published(registry, "refused", Counts::refused);
    published(registry, "unknown", Counts::unknown);
    counter(registry, "batches", "Records that were published", Counts::batches);
  }

  private void published(MeterRegistry registry, String outcome, ToLongFunction<Counts> value) {
    String description = "Messages that were published, by their outcome";
    counter(registry, "published", description, Tags.of("outcome", outcome), value);
  }

  private void bindRecords(MeterRegistry registry) {
    counter(registry, "received", "Records that the engine has handed over", Counts::received);
    counter(registry, "malformed", "Records that were not understood", Counts::malformed);
    counter(registry, "repairs", "Reads of the engine after a hole", Counts::repairs);
    counter(registry, "repaired", "Messages that these reads have brought", Counts::repaired);
    counter(registry, "gaps", "Holes that could not be repaired", Counts::gaps);
    counter(registry, "diverged", "Delivered records that the engine has lost", Counts::diverged);
    counter(registry, "lagged", "Times at which event loops had no room", Counts::lagged);
  }

  private void bindResumptions(MeterRegistry registry) {
    resumed(registry, "node", Counts::resumedHere);
    resumed(registry, "engine", Counts::resumedByEngine);
    resumed(registry, "lost", Counts::resumedLost);
  }

  private void resumed(MeterRegistry registry, String by, ToLongFunction<Counts> value) {
    String description = "Subscriptions that were resumed, by where the missed messages came from";
    counter(registry, "resumed", description, Tags.of("by", by), value);
  }

  private void counter(
      MeterRegistry registry, String name, String description, ToLongFunction<Counts> value) {
    counter(registry, name, description, Tags.empty(), value);
  }

  private void counter(
      MeterRegistry registry,
      String name,
      String description,
      Tags more,
      ToLongFunction<Counts> value) {
    FunctionCounter.builder("jev.nodes." + name, nodes, n -> value.applyAsLong(n.counts()))
        .description(description)
        .tags(tags.and(more))
        .register(registry);
  }
}
