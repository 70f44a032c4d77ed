package dev.jev.benchmarks.working;

import dev.jev.Server;
import java.util.function.Supplier;

/**
 * A comparison of two inputs of the same server.
 *
 * @param name the protocol or plugin
 * @param server a builder of the server, without an address
 * @param opening the beginning of a connection, which is not measured
 * @param ordinary the ordinary input
 * @param empty the input without output
 */
record WorkRow(
    String name,
    Supplier<Server.Builder<?, ?>> server,
    WorkInput opening,
    WorkInput ordinary,
    WorkInput empty) {}
