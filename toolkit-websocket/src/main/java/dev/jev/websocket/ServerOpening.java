package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * The handshake of a server (RFC 6455, 4.2), and the plain HTTP that may come before it or in its
 * place.
 *
 * <p>Whatever happens is answered: with the WebSocket, with the response to a request, or with a
 * refusal. A refusal is the last thing that is written; {@code over} says that it was.
 */
final class ServerOpening implements Opening {

  /** How many requests a connection may carry. */
  private static final int MAX_REQUESTS = 100;

  /**
   * How many requests of one read are answered: the rest would not be looked at before more comes.
   */
  private static final int MAX_PIPELINED = 16;

  /** How many bytes of frames may come before the decision. */
  private static final int MAX_EARLY_BYTES = 4 * 1024;

  private final ServerPolicy policy;
  private final HeadScanner scanner = new HeadScanner();
  private @Nullable Runnable opened;
  private @Nullable UpgradeRequest undecided; // the decision about it is awaited
  private @Nullable PermessageDeflate compression;
  private boolean over; // nothing more is answered
  private int requests;

  ServerOpening(ServerPolicy policy) {
    this.policy = policy;
  }

  @Override
  public void begin(ProtocolContext context, Runnable opened) {
    this.opened = opened;
  }

  @Override
  public void read(ProtocolContext context, ByteBuf in) {
    HttpRequest request = null;
    try {
      for (int i = 1; undecided == null && !over; i++) {
        request = null;
        int length = scanner.scan(in);
        if (length < 0) {
          return;
        }
        request = HeadParser.request(in.readSlice(length), context);
        if (UpgradeRequest.isMeant(request)) {
          upgrade(context, UpgradeRequest.of(request));
        } else {
          answer(context, request, i == MAX_PIPELINED && in.isReadable());
        }
      }
      checkEarly(in);
    } catch (Refusal e) {
      throw refuse(context, request, e);
    }
  }

  /** RFC 6455, 4.1: a client waits for the answer; some do not. */
  private void checkEarly(ByteBuf in) {
    if (undecided != null && in.readableBytes() > MAX_EARLY_BYTES) {
      throw Refusal.bad(
          "frames before the answer: more than "
              + MAX_EARLY_BYTES
              + " bytes (expected: <= "
              + MAX_EARLY_BYTES
              + ")");
    }
  }

  /** Answers a request for no WebSocket. */
  private void answer(ProtocolContext context, HttpRequest request, boolean tooMany) {
    HttpResponse response = policy.respond(request);
    boolean last = tooMany || ++requests == MAX_REQUESTS || !request.isPersistent();
    response.write(context, request, last);
    if (last) {
      over = true;
      context.close();
    }
  }

  private void upgrade(ProtocolContext context, UpgradeRequest request) {
    policy.check(request);
    if (policy.decision() == null) {
      accept(context, request, HttpResponse.accept());
      return;
    }
    CompletionStage<HttpResponse> decision =
        requireNonNull(policy.decision().apply(request.http()), "decision");
    undecided = request;
    decision.whenComplete(
        (response, failure) ->
            context.runAfter(Duration.ZERO, () -> decided(context, response, failure)));
  }

  /** The decision has come; on the event loop. */
  private void decided(
      ProtocolContext context, @Nullable HttpResponse response, @Nullable Throwable failure) {
    UpgradeRequest request = undecided;
    if (request == null || over) {
      return;
    }
    if (failure != null) {
      throw unchecked(failure);
    }
    requireNonNull(response, "decision");
    if (response.isAccept()) {
      accept(context, request, response);
    } else {
      String offence = "decision: " + response + " (expected: 101)";
      throw refuse(context, request.http(), new Refusal(response, offence));
    }
  }

  private static RuntimeException unchecked(Throwable failure) {
    Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
    return cause instanceof RuntimeException unchecked
        ? unchecked
        : new IllegalStateException("decision failed", cause == null ? failure : cause);
  }

  private void accept(ProtocolContext context, UpgradeRequest request, HttpResponse response) {
    HttpResponse answer = withCompression(request, withSubprotocol(request, response));
    over = true;
    undecided = null;
    answer.writeAccept(context, request.key());
    context.attribute(
        WebSocketHandshake.class,
        new WebSocketHandshake(request.http().withoutHandshake(), answer));
    requireNonNull(opened).run();
  }

  private HttpResponse withCompression(UpgradeRequest request, HttpResponse response) {
    compression = policy.compress(request.extensions());
    return compression == null
        ? response
        : response.with(PermessageDeflate.HEADER, compression.answer());
  }

  @Override
  public @Nullable PermessageDeflate compression() {
    return compression;
  }

  private HttpResponse withSubprotocol(UpgradeRequest request, HttpResponse response) {
    String chosen = response.header(HttpResponse.SUBPROTOCOL);
    if (chosen == null) {
      String liked = policy.choose(request.subprotocols());
      return liked == null ? response : response.withSubprotocol(liked);
    }
    if (!request.subprotocols().contains(chosen)) {
      throw new IllegalStateException(
          "subprotocol: " + chosen + " (expected: one that was offered)");
    }
    return response;
  }

  /** Answers with a refusal; what is returned is to be thrown, which closes the connection. */
  private ProtocolException refuse(
      ProtocolContext context, @Nullable HttpRequest request, Refusal refusal) {
    over = true;
    undecided = null;
    refusal.response().write(context, request, /* last= */ true);
    return new ProtocolException(refusal.offence());
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    int status = over ? 0 : statusFor(reason);
    over = true;
    undecided = null;
    if (status != 0) {
      HttpResponse.of(status).write(context, /* request= */ null, /* last= */ true);
    }
  }

  /** What is answered when the connection closes before its time, or 0 for nothing. */
  private int statusFor(CloseReason reason) {
    boolean asked = undecided != null || scanner.hasBegun();
    return switch (reason.kind()) {
      case TIMEOUT -> undecided != null ? 503 : asked ? 408 : 0;
      case SERVER_STOPPED -> asked ? 503 : 0;
      // After a refusal it would be over: so something failed, or a limit of the server's is low.
      case PROTOCOL_ERROR -> reason.cause() instanceof ProtocolException ? 400 : 500;
      default -> 0;
    };
  }
}
