package dev.jev.benchmarks.capacity;

/**
 * The cost of a workload.
 *
 * @param redis processor time of Redis, in seconds per second
 * @param nodes processor time of both nodes together, in seconds per second
 * @param connect processor time of both nodes for the connections and subscriptions, in seconds
 * @param redisBytes memory of Redis, more than without the workload
 * @param nodeBytes live memory of both nodes together, more than without the workload
 */
record Cost(double redis, double nodes, double connect, double redisBytes, double nodeBytes) {}
