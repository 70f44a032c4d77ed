package dev.jev.benchmarks.comparing;

import picocli.CommandLine.Option;

/** The options of the WebSocket servers on both sides. */
final class WebSocketOptions {

  @Option(names = "--compression", description = "permessage-deflate if the client offers it")
  boolean compression;

  @Option(names = "--max-message-bytes", description = "maximum size of a message (default: 65536)")
  int maxMessageBytes = 64 * 1024;

  @Option(names = "--period-ms", description = "time between two published messages (default: 100)")
  int periodMillis = 100;

  @Option(names = "--send-buffer", description = "SO_SNDBUF in bytes (default: that of the kernel)")
  int sendBufferBytes;

  @Option(names = "--size", description = "bytes of a published message, at least 19 (default: 64)")
  int size = 64;
}
