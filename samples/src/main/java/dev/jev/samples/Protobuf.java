package dev.jev.samples;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.numbers.Numbers;
import dev.jev.samples.numbers.Summary;
import dev.jev.samples.options.ServerOptions;
import java.util.DoubleSummaryStatistics;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Exchanges Protocol Buffers messages. protoc generates their classes from src/main/protobuf. */
@Command(name = "protobuf", description = "Summarizes numbers sent as Protocol Buffers messages.")
final class Protobuf implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5018);

  @Override
  public Integer call() throws InterruptedException {
    Handler<Numbers, Summary> handler = Handler.replying(Protobuf::summary);
    return options.serve(Server.builder(() -> Protocols.protobuf(Numbers.parser()), handler));
  }

  private static Summary summary(Numbers numbers) {
    DoubleSummaryStatistics statistics =
        numbers.getValuesList().stream().mapToDouble(value -> value).summaryStatistics();
    return Summary.newBuilder()
        .setCount(statistics.getCount())
        .setSum(statistics.getSum())
        .setLeast(statistics.getMin())
        .setGreatest(statistics.getMax())
        .build();
  }
}
