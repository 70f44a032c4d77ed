package dev.jev.samples;

import dev.jev.nodes.Backplane;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.TopicGate;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.nodes.TopicKind;
import dev.jev.nodes.TopicSocket;
import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.HttpResponder;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * Serves topics over WebSocket at {@code /topics}, and a page for them. Every client may subscribe
 * and publish to any topic. A client that returns gets what it has missed.
 */
@Command(name = "topics", description = "Serves topics over WebSocket that clients resume.")
final class Topics implements Callable<Integer> {

  private static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.json(), /* messages= */ 1_000, Duration.ofMinutes(2));

  @Mixin private ServerOptions options = new ServerOptions(8089);

  @Override
  public Integer call() throws InterruptedException {
    Nodes nodes = Nodes.builder(Backplane.inProcess()).build();
    TopicSocket topics =
        TopicSocket.builder(nodes).gate(TopicGate.always(Grant.readWrite(LOG))).build();
    HttpResponder page = HttpResponder.classPath("topics").or(TopicSocket.script());
    return options.servePage(topics.server(protocol -> protocol.path("/topics").http(page)));
  }
}
