package dev.jev.samples.redis;

import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Serves a subset of Redis from memory, for any Redis client. */
@Command(name = "redis", description = "Serves a subset of Redis: strings, counters and lists.")
public final class Redis implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(6380);

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::resp, new RedisHandler()));
  }
}
