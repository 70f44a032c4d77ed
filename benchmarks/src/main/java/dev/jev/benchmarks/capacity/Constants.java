package dev.jev.benchmarks.capacity;

import java.util.Map;
import java.util.Objects;

/**
 * The constants of the formulas in docs/capacity.md. Times are in seconds of a processor.
 *
 * @param redisIdle of Redis per second, with two nodes and a publisher
 * @param nodesIdle of both nodes per second
 * @param deliver of a node per message and subscriber
 * @param connect of a node per client that connects and subscribes
 * @param clientBytes of a node per WebSocket with one subscription
 * @param kinds those that depend on the kind of the topic
 */
record Constants(
    double redisIdle,
    double nodesIdle,
    double deliver,
    double connect,
    double clientBytes,
    Map<String, KindConstants> kinds) {

  /** The time between two heartbeats of a TopicSocket. */
  static final double HEARTBEAT_SECONDS = 25;

  Cost predict(Workload work) {
    KindConstants kind = Objects.requireNonNull(kinds.get(work.kind()));
    double copies = work.nodesOfTopic();
    double deliveries = work.deliveriesPerSecond() + work.clients() / HEARTBEAT_SECONDS;
    return new Cost(
        redisIdle + work.perSecond() * (kind.publish() + copies * kind.subscribedNode()),
        nodesIdle + work.perSecond() * copies * kind.receive() + deliveries * deliver,
        work.clients() * connect,
        work.topics() * (kind.topicBytes() + copies * kind.subscriptionBytes()),
        work.clients() * clientBytes + work.topics() * copies * kind.nodeTopicBytes());
  }
}
