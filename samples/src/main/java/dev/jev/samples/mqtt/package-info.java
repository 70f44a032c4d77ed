/** A small MQTT broker. */
@NullMarked
package dev.jev.samples.mqtt;

import org.jspecify.annotations.NullMarked;
