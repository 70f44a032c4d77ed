/**
 * Tools for tests of protocols and handlers.
 *
 * <pre>
 *   ProtocolContract          samples --&gt; Protocol --&gt; checks of the contract of all protocols
 *   UnpackLoop, TestContext   bytes   --&gt; Protocol --&gt; messages, written bytes, no network
 *   FuzzedProtocol            input   --&gt; Protocol --&gt; checks of one input of a fuzzer
 *   InMemoryConnection        receive --&gt; Handler  --&gt; sent messages, no network
 *   RawPeer, Recorder         bytes   --&gt; Server   --&gt; events
 * </pre>
 *
 * <p>Start with {@link dev.jev.test.ProtocolContract} for a protocol and with {@link
 * dev.jev.test.InMemoryConnection} for a handler. {@link dev.jev.test.UnpackLoop} is for single
 * cases of a protocol: handshakes, timers, closes. {@link dev.jev.test.Hex} reads and writes bytes
 * as text, and {@link dev.jev.test.ManualClock} is the clock of the timers.
 *
 * <p>Everything throws {@link java.lang.AssertionError} and needs no test framework; only {@link
 * dev.jev.test.ProtocolContract#tests} needs JUnit Jupiter.
 */
@NullMarked
package dev.jev.test;

import org.jspecify.annotations.NullMarked;
