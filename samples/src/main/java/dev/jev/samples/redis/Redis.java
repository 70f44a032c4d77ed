package dev.jev.samples.redis;

import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** A small Redis in memory: any client of Redis can talk to it. */
@Command(name = "redis", description = "Redis in memory: strings, counters and lists.")
public final class Redis implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(6380);

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::resp, new RedisHandler()));
  }
}
