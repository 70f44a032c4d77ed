package dev.jev.samples;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.StreamTransform;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Compresses both directions with a plugin; the protocol and the handler stay unchanged. */
@Command(name = "compressed", description = "Echoes lines, compressed in both directions.")
final class Compressed implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5014);

  @Option(names = "--zstd", description = "Zstandard instead of gzip (default: gzip).")
  private boolean zstd;

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(
        Server.<String, String>builder(Protocols::lines, Handler.replying(line -> line))
            .plugin(zstd ? StreamTransform.zstd() : StreamTransform.gzip()));
  }
}
