/**
 * Servers and clients in a Spring Boot application: each bean of type {@link
 * dev.jev.Server.Builder} or {@link dev.jev.Client.Builder}, and each handler with the annotation
 * {@link dev.jev.spring.JevServer}, is started and stopped with the application.
 */
@NullMarked
package dev.jev.spring;

import org.jspecify.annotations.NullMarked;
