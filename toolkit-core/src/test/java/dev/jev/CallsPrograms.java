package dev.jev;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;

/**
 * Marks tests that call programs of the operating system, see {@link Program}. {@code .ci/run} runs
 * them once on a machine without these programs. Not for tests with a {@link ChildJvm}, which needs
 * the shell only.
 */
@Tag("programs")
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
public @interface CallsPrograms {}
