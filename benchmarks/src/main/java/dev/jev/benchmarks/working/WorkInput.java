package dev.jev.benchmarks.working;

/** The input of one connection, and the length of what its work is compared for. */
final class WorkInput {

  final String name;
  final byte[] bytes;
  final int unitBytes; // 1, or the length of a message

  WorkInput(String name, byte[] bytes, int unitBytes) {
    this.name = name;
    this.bytes = bytes;
    this.unitBytes = unitBytes;
  }
}
