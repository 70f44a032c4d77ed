package dev.jev.benchmarks.capacity;

import java.util.function.IntFunction;

/**
 * Topics with subscribers, and what is published to them.
 *
 * @param kind events, latest or log
 * @param topics the number of topics
 * @param subscribers the number of each topic's subscribers
 * @param nodes the nodes that have subscribers: the first one only, or both
 * @param perSecond messages published to all topics together
 */
record Workload(String kind, int topics, int subscribers, int nodes, double perSecond) {

  /** Returns the names of the topics, which are others in each run: nodes remember topics. */
  IntFunction<String> names(int run) {
    return topic -> kind + ":" + run + "-" + topic;
  }

  int clients() {
    return topics * subscribers;
  }

  double deliveriesPerSecond() {
    return perSecond * subscribers;
  }

  /**
   * Returns the mean number of nodes that have subscribers of a topic, which are at random ones.
   */
  double nodesOfTopic() {
    return nodes * (1 - Math.pow(1 - 1.0 / nodes, subscribers));
  }
}
