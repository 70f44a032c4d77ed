package dev.jev.codec;

/**
 * The encoding key of a protocol with a parameter; see {@link dev.jev.Protocol#encodingKey}.
 *
 * @param protocol the class of the protocol
 * @param parameter the value that determines the bytes of a message
 */
record EncodingKey(Class<?> protocol, Object parameter) {}
