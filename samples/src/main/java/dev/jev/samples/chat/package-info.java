/** Chats: of lines over TCP and WebSocket, and of JSON lines. */
@NullMarked
package dev.jev.samples.chat;

import org.jspecify.annotations.NullMarked;
