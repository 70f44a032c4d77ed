/**
 * Tests for protocols and handlers.
 *
 * <pre>
 *   ProtocolContract     samples --&gt; Protocol --&gt; does it keep what every protocol has to?
 *   InMemoryConnection   receive --&gt; Handler  --&gt; sent, without a network
 *   RawPeer, Recorder    bytes   --&gt; Server   --&gt; events
 * </pre>
 *
 * <p>Start with {@link dev.jev.test.ProtocolContract} for a protocol of your own and with {@link
 * dev.jev.test.InMemoryConnection} for a handler. {@link dev.jev.test.Hex} writes and reads bytes,
 * {@link dev.jev.test.ManualClock} is the time of the timers.
 *
 * <p>Everything throws {@link java.lang.AssertionError} and needs no test framework; only {@link
 * dev.jev.test.ProtocolContract#tests} needs JUnit Jupiter.
 */
@NullMarked
package dev.jev.test;

import org.jspecify.annotations.NullMarked;
