package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * The server side of the opening handshake (RFC 6455, 4.2), and the plain HTTP requests before it
 * or instead of it.
 *
 * <p>Every request is answered: with 101, with the response to a plain request, or with a refusal.
 * Nothing is written after a refusal; {@code over} is true then.
 *
 * <p><b>Back-pressure.</b> Each call of {@link #read} answers one request or writes one part of a
 * body. There is no such call while the output is above its high watermark. So a peer that does not
 * read holds at most one part above the watermark, however many requests it has sent.
 */
final class ServerOpening implements Opening {

  /** Maximum number of requests per connection. */
  private static final int MAX_REQUESTS = 100;

  /**
   * Number of bytes of requests, and of the bodies of their answers, in a row; other connections
   * then have their turn.
   */
  private static final int MAX_BYTES_PER_TURN = 4 * 1024;

  /** Number of bytes that a short request counts for. */
  private static final int MIN_BYTES_PER_REQUEST = 256;

  /** Length of the parts in which a body is written. */
  private static final int PART_BYTES = 64 * 1024;

  /** Maximum number of bytes of frames before the decision. */
  private static final int MAX_EARLY_BYTES = 4 * 1024;

  /** Estimated memory of an object for an element of a list. */
  private static final int ELEMENT_BYTES = 64;

  private final ServerPolicy policy;
  private final HeadScanner scanner = new HeadScanner();
  private @Nullable Runnable opened;
  private @Nullable UpgradeRequest undecided; // awaits its decision
  private int headBytes; // of the latest request
  private int bytesInTurn; // of the requests that were answered in a row, and of the bodies
  private @Nullable PermessageDeflate compression;
  private ByteBuffer rest = HttpResponse.EMPTY; // of the body that is being written
  private boolean over; // the last response is written, except for its rest
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
    if (rest.hasRemaining()) {
      writePart(context);
      return;
    }
    HttpRequest request = null;
    try {
      int length = undecided == null && !over ? scanner.scan(in) : -1;
      if (length >= 0) {
        headBytes = length;
        request = HeadParser.request(in.readSlice(length), context);
        if (UpgradeRequest.isMeant(request)) {
          upgrade(context, UpgradeRequest.of(request));
        } else {
          answer(context, request);
          yieldAfterMany(context, in);
        }
      }
      checkEarly(in);
    } catch (Refusal e) {
      throw refuse(context, request, e);
    }
  }

  @Override
  public int pendingParts() {
    return (rest.remaining() + PART_BYTES - 1) / PART_BYTES;
  }

  /** Writes the next part of a body. Closes the connection after the last part of the last one. */
  private void writePart(ProtocolContext context) {
    int length = Math.min(rest.remaining(), PART_BYTES);
    if (length > 0) {
      context.write(Unpooled.wrappedBuffer(rest.slice(rest.position(), length)));
      rest.position(rest.position() + length);
    }
    if (!rest.hasRemaining()) {
      rest = HttpResponse.EMPTY; // so that the connection keeps no body
      if (over) {
        context.close();
      }
    }
  }

  /** Ends the turn of a peer with many requests, since a short one may take long to answer. */
  private void yieldAfterMany(ProtocolContext context, ByteBuf in) {
    bytesInTurn += Math.max(headBytes, MIN_BYTES_PER_REQUEST);
    if (bytesInTurn >= MAX_BYTES_PER_TURN && in.isReadable()) {
      bytesInTurn = 0;
      context.yieldTurn();
    }
  }

  /** Limits early frames: clients must wait for the response (RFC 6455, 4.1), but some do not. */
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

  /** Answers a plain HTTP request. */
  private void answer(ProtocolContext context, HttpRequest request) {
    HttpResponse response;
    try {
      response = policy.respond(request);
    } catch (Refusal e) {
      throw e;
    } catch (Throwable t) {
      fail(context, request, t);
      return;
    }
    over = ++requests == MAX_REQUESTS || !request.isPersistent();
    bytesInTurn += Math.min(response.bodyLength(), MAX_BYTES_PER_TURN);
    response.writeHead(context, over);
    rest = response.content(request);
    writePart(context);
  }

  private void upgrade(ProtocolContext context, UpgradeRequest request) {
    policy.check(request);
    if (policy.decision() == null) {
      accept(context, request, HttpResponse.accept());
      return;
    }
    try {
      CompletionStage<HttpResponse> decision =
          requireNonNull(policy.decision().apply(request.http()), "decision");
      undecided = request;
      decision.whenComplete(
          (response, failure) ->
              context.runAfter(Duration.ZERO, () -> decided(context, response, failure)));
    } catch (Throwable t) {
      fail(context, request.http(), t);
    }
  }

  /** Applies the decision. Called on the event loop. */
  private void decided(
      ProtocolContext context, @Nullable HttpResponse response, @Nullable Throwable failure) {
    UpgradeRequest request = undecided;
    if (request == null || over) {
      return;
    }
    if (failure != null) {
      Throwable cause = failure instanceof CompletionException ? failure.getCause() : null;
      fail(context, request.http(), cause == null ? failure : cause);
      return;
    }
    try {
      checkSubprotocol(request, requireNonNull(response, "decision"));
    } catch (RuntimeException e) {
      fail(context, request.http(), e);
      return;
    }
    if (response.isAccept()) {
      accept(context, request, response);
    } else {
      String description = "decision: " + response + " (expected: 101)";
      throw refuse(context, request.http(), new Refusal(response, description));
    }
  }

  private void accept(ProtocolContext context, UpgradeRequest request, HttpResponse response) {
    HttpResponse answer = withCompression(request, withSubprotocol(request, response));
    over = true;
    undecided = null;
    Opening.observer(context).answered(HttpResponse.SWITCHING_PROTOCOLS);
    answer.writeAccept(context, request.key());
    context.attribute(
        WebSocketHandshake.class,
        new WebSocketHandshake(request.http().withoutHandshake(), answer.kept()));
    answer.storeAttributes(context);
    requireNonNull(opened).run();
  }

  private HttpResponse withCompression(UpgradeRequest request, HttpResponse response) {
    compression = policy.compress(request.extensions());
    return compression == null
        ? response
        : response.with(PermessageDeflate.HEADER, compression.answer());
  }

  @Override
  public long bufferedBytes() {
    return requestBytes() + bodyBytes();
  }

  private long requestBytes() {
    UpgradeRequest request = undecided;
    if (request == null) {
      return 0;
    }
    int elements =
        2 * request.http().headerCount() // a name and a value each
            + request.subprotocols().size()
            + request.extensions().size();
    return 2L * headBytes + (long) ELEMENT_BYTES * elements;
  }

  /** Returns the size of the body that is being written, unless it is a shared resource. */
  private long bodyBytes() {
    return rest.hasRemaining() && !rest.isDirect() ? rest.capacity() : 0;
  }

  @Override
  public @Nullable PermessageDeflate compression() {
    return compression;
  }

  private static void checkSubprotocol(UpgradeRequest request, HttpResponse response) {
    String chosen = response.header(HttpResponse.SUBPROTOCOL);
    if (chosen != null && !request.subprotocols().contains(chosen)) {
      throw new IllegalStateException(
          "subprotocol: " + chosen + " (expected: one that was offered)");
    }
  }

  private HttpResponse withSubprotocol(UpgradeRequest request, HttpResponse response) {
    if (response.header(HttpResponse.SUBPROTOCOL) != null) {
      return response;
    }
    String preferred = policy.choose(request.subprotocols());
    return preferred == null ? response : response.withSubprotocol(preferred);
  }

  /** Answers with 500 because a function of the application has failed, and closes. */
  private void fail(ProtocolContext context, HttpRequest request, Throwable cause) {
    over = true;
    undecided = null;
    writeLast(context, request, HttpResponse.of(500));
    context.close(new CloseReason(Kind.HANDLER_ERROR, cause));
  }

  /** Writes a refusal; returns the exception to throw, which closes the connection. */
  private ProtocolException refuse(
      ProtocolContext context, @Nullable HttpRequest request, Refusal refusal) {
    over = true;
    undecided = null;
    writeLast(context, request, refusal.response());
    return new ProtocolException(refusal.description());
  }

  private static void writeLast(
      ProtocolContext context, @Nullable HttpRequest request, HttpResponse response) {
    Opening.observer(context).answered(response.status());
    response.write(context, request, /* last= */ true);
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    ByteBuffer unwritten = rest;
    int status = over || unwritten.hasRemaining() ? 0 : statusFor(reason);
    over = true;
    undecided = null;
    rest = HttpResponse.EMPTY;
    if (unwritten.hasRemaining()) {
      context.write(Unpooled.wrappedBuffer(unwritten));
    } else if (status != 0) {
      writeLast(context, /* request= */ null, HttpResponse.of(status));
    }
  }

  /** Returns the status to send if the connection closes during the handshake, or 0 for none. */
  private int statusFor(CloseReason reason) {
    boolean hasRequest = undecided != null || scanner.hasBegun();
    return switch (reason.kind()) {
      case TIMEOUT -> undecided != null ? 503 : hasRequest ? 408 : 0;
      case SERVER_STOPPED -> hasRequest ? 503 : 0;
      // Not a refusal, which sets `over`: either this code has failed, or the request exceeds the
      // server's maxFrameBytes.
      case PROTOCOL_ERROR -> reason.cause() instanceof ProtocolException ? 400 : 500;
      default -> 0;
    };
  }
}
