package dev.jev.redis;

import dev.jev.Eventually;
import dev.jev.Program;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** A cluster of three masters, with a replica each or without. */
final class RedisCluster implements AutoCloseable {

  private static final int MASTERS = 3;

  final List<RedisProcess> servers = new ArrayList<>();

  RedisCluster(Path directory, int replicas) throws Exception {
    List<String> create = new ArrayList<>(List.of("redis-cli", "--cluster", "create"));
    try {
      for (int i = 0; i < MASTERS * (1 + replicas); i++) {
        RedisProcess server =
            RedisProcess.start(
                directory, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000");
        servers.add(server);
        create.add("127.0.0.1:" + server.port());
      }
      create.addAll(List.of("--cluster-yes", "--cluster-replicas", Integer.toString(replicas)));
      Program.run(new byte[0], create.toArray(new String[0]));
      for (RedisProcess server : servers) {
        Eventually.holds(
            "cluster", () -> server.answer("CLUSTER INFO").contains("cluster_state:ok"));
      }
      if (replicas > 0) {
        Eventually.holds("replicas", this::areReplicasConnected);
      }
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  private boolean areReplicasConnected() throws Exception {
    int connected = 0;
    for (RedisProcess server : servers) {
      connected += server.answer("INFO replication").contains("link_status:up") ? 1 : 0;
    }
    return connected == servers.size() - MASTERS;
  }

  String uri() {
    return servers.stream()
        .map(server -> "127.0.0.1:" + server.port())
        .collect(Collectors.joining(",", "redis://", ""));
  }

  /** Returns the master of a slot. */
  RedisProcess master(int slot) throws Exception {
    for (RedisProcess server : servers) {
      String own =
          server.answer("CLUSTER NODES").lines().filter(l -> l.contains("myself")).toList().get(0);
      for (String field : own.split(" ", -1)) {
        if (field.matches("\\d{1,5}(-\\d{1,5})?") && isSlots(own, field)) {
          String[] range = field.split("-", -1);
          int last = Integer.parseInt(range[range.length - 1]);
          if (Integer.parseInt(range[0]) <= slot && slot <= last) {
            return server;
          }
        }
      }
    }
    throw new AssertionError("slot " + slot + " has no master");
  }

  /** Returns whether a field is behind the eight that describe the server. */
  private static boolean isSlots(String own, String field) {
    String[] fields = own.split(" ", 9);
    return fields.length == 9 && List.of(fields[8].split(" ")).contains(field);
  }

  private static String id(RedisProcess server) throws Exception {
    return server.answer("CLUSTER MYID").lines().toList().get(1);
  }

  /** Moves the keys of a slot, whose master redirects each command with ASK until the end. */
  void beginMove(int slot, RedisProcess from, RedisProcess to) throws Exception {
    to.answer("CLUSTER SETSLOT " + slot + " IMPORTING " + id(from));
    from.answer("CLUSTER SETSLOT " + slot + " MIGRATING " + id(to));
    String keys = keys(from, slot);
    while (!keys.isEmpty()) {
      from.answer("MIGRATE 127.0.0.1 " + to.port() + " \"\" 0 5000 KEYS " + keys);
      keys = keys(from, slot);
    }
  }

  /** Makes another server the master of a slot whose keys it has. */
  void endMove(int slot, RedisProcess from, RedisProcess to) throws Exception {
    for (RedisProcess server : List.of(to, from)) {
      server.answer("CLUSTER SETSLOT " + slot + " NODE " + id(to));
    }
  }

  private static String keys(RedisProcess server, int slot) throws Exception {
    return server
        .cli("CLUSTER", "GETKEYSINSLOT", Integer.toString(slot), "1000")
        .lines()
        .filter(line -> !line.isBlank())
        .collect(Collectors.joining(" "));
  }

  @Override
  public void close() throws IOException {
    for (RedisProcess server : servers) {
      server.close();
    }
  }
}
