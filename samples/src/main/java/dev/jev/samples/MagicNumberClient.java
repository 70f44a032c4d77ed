package dev.jev.samples;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.samples.options.ServerOptions;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Sends strings with the server's protocol and prints the replies. */
@Command(
    name = "magic-number-client",
    description = "Sends strings to magic-number and prints the replies.")
final class MagicNumberClient implements Callable<Integer>, Handler<String, String> {

  @Option(names = "--host", description = "Server address (default: ${DEFAULT-VALUE}).")
  private String host = "127.0.0.1";

  @Option(names = "--port", description = "Server port (default: ${DEFAULT-VALUE}).")
  private int port = 5009;

  @Parameters(paramLabel = "TEXT", arity = "1..*", description = "Strings to send.")
  private List<String> texts = List.of();

  private final AtomicInteger answers = new AtomicInteger();
  private final CompletableFuture<Integer> status = new CompletableFuture<>();

  @Override
  public Integer call() {
    String uri = "tcp://" + ServerOptions.bracketed(host) + ":" + port;
    try (Client<String> client = Client.builder(MagicNumberProtocol::new, this).connect(uri)) {
      client.connected().toCompletableFuture().join();
      texts.forEach(client::send);
      return status.join();
    } catch (CompletionException e) {
      throw new IllegalStateException(String.valueOf(e.getCause()), e);
    }
  }

  @Override
  public void onMessage(Connection<String> connection, String answer) {
    System.out.println(answer);
    if (answers.incrementAndGet() == texts.size()) {
      status.complete(0);
    }
  }

  @Override
  public void onClose(Connection<String> connection, CloseReason reason) {
    status.completeExceptionally(new IOException("closed before the last answer: " + reason));
  }
}
