package dev.jev.spring;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Explains why a server or client ended the start of an application. */
final class StartFailureAnalyzer extends AbstractFailureAnalyzer<StartException> {

  @Override
  protected FailureAnalysis analyze(Throwable failure, StartException cause) {
    return new FailureAnalysis("The " + cause.getMessage() + ".", cause.action(), failure);
  }
}
