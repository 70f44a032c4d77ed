package dev.jev.samples;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.codec.Protocols;
import dev.jev.samples.numbers.Numbers;
import dev.jev.samples.numbers.Summary;
import dev.jev.samples.options.ServerOptions;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A client of {@link Protobuf}: the same protocol with the message types exchanged. */
@Command(
    name = "protobuf-client",
    description = "Sends numbers to protobuf and prints the summary.")
final class ProtobufClient implements Callable<Integer>, Handler<Summary, Numbers> {

  @Option(names = "--host", description = "Server address (default: ${DEFAULT-VALUE}).")
  private String host = "127.0.0.1";

  @Option(names = "--port", description = "Server port (default: ${DEFAULT-VALUE}).")
  private int port = 5018;

  @Parameters(paramLabel = "NUMBER", arity = "1..*", description = "Numbers to summarize.")
  private List<Double> numbers = List.of();

  private final CompletableFuture<Summary> answer = new CompletableFuture<>();

  @Override
  public Integer call() throws Exception {
    String uri = "tcp://" + ServerOptions.bracketed(host) + ":" + port;
    try (Client<Numbers> client =
        Client.builder(() -> Protocols.<Summary, Numbers>protobuf(Summary.parser()), this)
            .connect(uri)) {
      Connection<Numbers> connection = client.connected().toCompletableFuture().get();
      connection.send(Numbers.newBuilder().addAllValues(numbers).build());
      System.out.print(answer.get()); // one field per line
    }
    return 0;
  }

  @Override
  public void onMessage(Connection<Numbers> connection, Summary summary) {
    answer.complete(summary);
  }

  @Override
  public void onClose(Connection<Numbers> connection, CloseReason reason) {
    answer.completeExceptionally(new IOException("closed before the answer: " + reason));
  }
}
