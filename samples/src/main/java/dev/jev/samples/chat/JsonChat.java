package dev.jev.samples.chat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import tools.jackson.databind.json.JsonMapper;

/** Serves a chat of JSON lines. A guest that does not read is disconnected. */
@Command(name = "json-chat", description = "Serves a chat over JSON lines.")
public final class JsonChat implements Callable<Integer>, Handler<JsonChat.Request, Object> {

  /**
   * A line from a guest: first {"join":"Ann","room":"garden"}, in which the room is optional, then
   * any number of {"say":"hello"}.
   */
  record Request(@Nullable String join, @Nullable String room, @Nullable String say) {}

  private record Said(String from, String say) {}

  private record Guest(String name, String room) {}

  @Mixin private ServerOptions options = new ServerOptions(5019);
  private final Rooms<Object> rooms = new Rooms<>(SlowConsumer.close());

  @Override
  public Integer call() throws InterruptedException {
    JsonMapper json = JsonMapper.shared();
    return options.serve(Server.builder(() -> Protocols.jsonLines(json, Request.class), this));
  }

  @Override
  public void onMessage(Connection<Object> connection, Request request) {
    Guest guest = connection.attachment(Guest.class);
    if (guest == null && request.join() != null) {
      guest = new Guest(request.join(), request.room() == null ? "lobby" : request.room());
      connection.attach(guest);
      rooms.join(guest.room(), connection);
      rooms.publish(guest.room(), Map.of("joined", guest.name()));
    } else if (guest != null && request.say() != null) {
      rooms.publish(guest.room(), new Said(guest.name(), request.say()));
    } else {
      connection.send(Map.of("error", "expected one join, then any number of say"));
    }
  }

  @Override
  public void onClose(Connection<Object> connection, CloseReason reason) {
    Guest guest = connection.attachment(Guest.class);
    if (guest != null) {
      rooms.leave(guest.room(), connection);
      rooms.publish(guest.room(), Map.of("left", guest.name()));
    }
  }
}
