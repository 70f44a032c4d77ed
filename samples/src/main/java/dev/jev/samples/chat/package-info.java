/** The programs {@code chat} and {@code json-chat}, which share the rooms. */
@NullMarked
package dev.jev.samples.chat;

import org.jspecify.annotations.NullMarked;
