/** A Spring Boot application with a server. */
@NullMarked
package dev.jev.samples.spring;

import org.jspecify.annotations.NullMarked;
