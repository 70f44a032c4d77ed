package dev.jev.benchmarks.capacity;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;

/**
 * A simulation of the clients of a node that has died, which return to the other nodes. A node
 * serves one client after the other, also those that have given up meanwhile: where attempts come
 * faster than they are served, and time out, it may serve none of them in time. A client tries for
 * the first time within a random part of a time, and gives up an attempt after the timeout. It
 * tries again as the documentation of the topic protocol says: after a random time of up to 0.5 s,
 * doubled with each attempt, and 30 s at most.
 *
 * @param clients the number of clients that return
 * @param nodes the number of nodes that are left; a client tries one at random
 * @param spread the time of the first attempts, in seconds
 * @param cost the processor time of a node for one client, in seconds
 * @param timeout the time after which a client gives up an attempt, in seconds
 */
record Storm(int clients, int nodes, double spread, double cost, double timeout) {

  /** Number of attempts for each client after which the storm is taken for endless. */
  private static final int MAX_ATTEMPTS = 30;

  private static final double FIRST_DELAY = 0.5;
  private static final double LONGEST_DELAY = 30;

  private record Attempt(double at, int failed) implements Comparable<Attempt> {
    @Override
    public int compareTo(Attempt other) {
      return Double.compare(at, other.at);
    }
  }

  /**
   * The course of a storm.
   *
   * @param clients the number of clients
   * @param back when each client that came back did so, in seconds after the death of the node, in
   *     order
   * @param attempts the number of attempts of all clients together
   * @param longestWait the longest time that a client waited for a node, in seconds
   */
  record Course(int clients, List<Double> back, int attempts, double longestWait) {

    /** Returns the time until a part of the clients, from 0 to 1, were back; maybe infinity. */
    double timeUntil(double part) {
      int count = (int) Math.ceil(part * clients);
      return count > back.size() ? Double.POSITIVE_INFINITY : back.get(count - 1);
    }
  }

  Course run(long seed) {
    Random random = new Random(seed);
    PriorityQueue<Attempt> attempts = new PriorityQueue<>(clients);
    for (int i = 0; i < clients; i++) {
      attempts.add(new Attempt(random.nextDouble() * spread, 0));
    }
    double[] freeAt = new double[nodes];
    List<Double> back = new ArrayList<>(clients);
    int tries = 0;
    double longestWait = 0;
    long mostTries = (long) MAX_ATTEMPTS * clients;
    for (Attempt attempt; (attempt = attempts.poll()) != null && tries < mostTries; tries++) {
      int node = random.nextInt(nodes);
      double start = Math.max(freeAt[node], attempt.at);
      double wait = start - attempt.at;
      longestWait = Math.max(longestWait, Math.min(wait, timeout));
      if (wait < timeout) {
        freeAt[node] = start + cost;
      }
      if (wait + cost <= timeout) {
        back.add(start + cost);
      } else {
        attempts.add(again(attempt, random));
      }
    }
    Collections.sort(back);
    return new Course(clients, back, tries, longestWait);
  }

  private Attempt again(Attempt attempt, Random random) {
    int failed = attempt.failed + 1;
    double longest = Math.min(LONGEST_DELAY, FIRST_DELAY * Math.pow(2, failed));
    return new Attempt(attempt.at + timeout + random.nextDouble() * longest, failed);
  }
}
