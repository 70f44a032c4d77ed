package org.example.check;

import dev.jev.Handler;
import dev.jev.codec.Protocols;
import dev.jev.test.InMemoryConnection;
import dev.jev.test.ProtocolContract;

/** Checks a protocol and a handler without a network, and without JUnit. */
public final class CheckOnce {

  private CheckOnce() {}

  public static void main(String[] args) {
    ProtocolContract.of(Protocols::lines).message("hello").wire("68 69 0a", "hi").check();

    Handler<String, String> greeter = Handler.replying(name -> "hello " + name);
    var sent = InMemoryConnection.to(greeter).open().receive("Ann").takeSent();
    if (!sent.toString().equals("[hello Ann]")) {
      throw new IllegalStateException("sent: " + sent + " (expected: [hello Ann])");
    }
    if (ModuleLayer.boot().findModule("org.junit.jupiter.api").isPresent()) {
      throw new IllegalStateException("JUnit: present (expected: none)");
    }
    System.out.println("contract kept, handler answers, without JUnit");
  }
}
