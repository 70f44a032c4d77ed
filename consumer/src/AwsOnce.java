import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.HttpResponse;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.SdkHttpResponse;
import software.amazon.awssdk.http.async.AsyncExecuteRequest;
import software.amazon.awssdk.http.async.SdkAsyncHttpResponseHandler;
import software.amazon.awssdk.http.async.SdkHttpContentPublisher;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;

/** Requests a page from a server by the HTTP client of the AWS SDK, which runs on the same Netty. */
public final class AwsOnce {

  private AwsOnce() {}

  public static void main(String[] args) throws Exception {
    HttpResponder page = HttpResponder.at("/hello", () -> HttpResponse.of(200).text("hello"));
    Handler<WebSocketMessage, WebSocketMessage> none = (connection, message) -> {};
    try (Server server =
            Server.builder(WebSocketProtocol.server().http(page).build(), none)
                .listen("tcp://127.0.0.1:0")
                .start();
        var client = NettyNioAsyncHttpClient.create()) {
      Body body = new Body();
      URI uri = URI.create("http://127.0.0.1:" + server.port() + "/hello");
      client
          .execute(
              AsyncExecuteRequest.builder()
                  .request(SdkHttpRequest.builder().uri(uri).method(SdkHttpMethod.GET).build())
                  .requestContentPublisher(new NoContent())
                  .responseHandler(body)
                  .build())
          .get(20, TimeUnit.SECONDS);
      EchoOnce.check("reply to the AWS SDK", body.bytes.toString(StandardCharsets.UTF_8), "hello");
    }
    System.out.print("AWS SDK, ");
    EchoOnce.main(args);
  }

  private static final class Body implements SdkAsyncHttpResponseHandler, Subscriber<ByteBuffer> {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    @Override
    public void onHeaders(SdkHttpResponse headers) {}

    @Override
    public void onStream(Publisher<ByteBuffer> stream) {
      stream.subscribe(this);
    }

    @Override
    public void onSubscribe(Subscription subscription) {
      subscription.request(Long.MAX_VALUE);
    }

    @Override
    public void onNext(ByteBuffer part) {
      while (part.hasRemaining()) {
        bytes.write(part.get());
      }
    }

    @Override
    public void onComplete() {}

    @Override
    public void onError(Throwable failure) {}
  }

  private static final class NoContent implements SdkHttpContentPublisher {

    @Override
    public Optional<Long> contentLength() {
      return Optional.of(0L);
    }

    @Override
    public void subscribe(Subscriber<? super ByteBuffer> subscriber) {
      subscriber.onSubscribe(
          new Subscription() {
            @Override
            public void request(long count) {
              subscriber.onComplete();
            }

            @Override
            public void cancel() {}
          });
    }
  }
}
