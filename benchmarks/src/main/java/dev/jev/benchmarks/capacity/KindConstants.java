package dev.jev.benchmarks.capacity;

/**
 * The constants of a kind of topics. Times are in seconds of a processor.
 *
 * @param publish of Redis per message
 * @param subscribedNode of Redis per message and subscribed node
 * @param receive of a node per message that it receives
 * @param topicBytes of Redis per topic with one message
 * @param subscriptionBytes of Redis per topic and subscribed node
 * @param nodeTopicBytes of a node per topic with one message
 */
record KindConstants(
    double publish,
    double subscribedNode,
    double receive,
    double topicBytes,
    double subscriptionBytes,
    double nodeTopicBytes) {}
