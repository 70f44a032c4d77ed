package dev.jev.codec;

/**
 * What stands for the bytes that a protocol with a parameter makes, see {@link
 * dev.jev.Protocol#encodingKey}.
 *
 * @param protocol the protocol's type
 * @param parameter what its bytes depend on
 */
record EncodingKey(Class<?> protocol, Object parameter) {}
