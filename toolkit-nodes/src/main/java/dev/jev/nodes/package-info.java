/**
 * Topics on many nodes: messages in one order everywhere, with positions from which a client
 * resumes on any node.
 *
 * <pre>
 *   NodeTopic.publish --batches--&gt; Backplane --records--&gt; Sequence --&gt; Topic --&gt; connections
 *                                      ^                     |
 *                                      +------- read --------+ repairs what is missing
 * </pre>
 *
 * <p>Start with {@link dev.jev.nodes.Nodes} and {@link dev.jev.nodes.TopicKind}. {@link
 * dev.jev.nodes.TopicSocket} gives topics to browsers, {@link dev.jev.nodes.NodeTopic} to handlers
 * of other protocols. Only an engine implements {@link dev.jev.nodes.Backplane}.
 *
 * <h2>Threads</h2>
 *
 * <p>All methods may be called from any thread and never block, except those that start and stop.
 * Stages complete on threads of the {@link dev.jev.nodes.Nodes}, which must not be blocked.
 *
 * <h2>Limits</h2>
 *
 * <p>Per node, messages that the engine has not taken yet (64 MiB, 1 MiB per topic) and recent
 * messages for clients that resume (64 MiB) are bounded.
 */
@NullMarked
package dev.jev.nodes;

import org.jspecify.annotations.NullMarked;
