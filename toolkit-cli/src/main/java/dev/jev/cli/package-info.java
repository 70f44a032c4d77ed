/** The command line of Jev. */
@NullMarked
package dev.jev.cli;

import org.jspecify.annotations.NullMarked;
