/** The program {@code mqtt}: an MQTT broker with Netty's codec. */
@NullMarked
package dev.jev.samples.mqtt;

import org.jspecify.annotations.NullMarked;
