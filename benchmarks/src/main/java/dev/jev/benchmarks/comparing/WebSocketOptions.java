package dev.jev.benchmarks.comparing;

import picocli.CommandLine.Option;

/** What servers of WebSockets are told, on both sides. */
final class WebSocketOptions {

  @Option(names = "--compression", description = "permessage-deflate, if the client wants it")
  boolean compression;

  @Option(names = "--max-message-bytes", description = "default: 65536")
  int maxMessageBytes = 64 * 1024;

  @Option(names = "--period-ms", description = "between two publications (default: 100)")
  int periodMillis = 100;

  @Option(names = "--send-buffer", description = "of the sockets, in bytes (default: the kernel's)")
  int sendBufferBytes;

  @Option(names = "--size", description = "bytes of a publication, at least 19 (default: 64)")
  int size = 64;
}
