package dev.jev.samples;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.samples.options.ServerOptions;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Serves a protocol of its own, {@link MagicNumberProtocol}: returns strings in upper case. */
@Command(
    name = "magic-number",
    description = "Returns strings in upper case, in frames with a checksum.")
final class MagicNumber implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5009);

  @Override
  public Integer call() throws InterruptedException {
    Handler<String, String> capitals = Handler.replying(text -> text.toUpperCase(Locale.ROOT));
    return options.serve(Server.builder(MagicNumberProtocol::new, capitals));
  }
}
