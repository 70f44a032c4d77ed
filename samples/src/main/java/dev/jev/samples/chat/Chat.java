package dev.jev.samples.chat;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ProtocolException;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.codec.FirstBytes;
import dev.jev.codec.Multiplexer;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Limits;
import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * Serves one chat to {@code nc} and to browsers, with the same rooms on the same port. One handler
 * receives a line over TCP and a text over WebSocket as the same kind of message.
 */
@Command(name = "chat", description = "Serves one chat over TCP lines and WebSocket.")
public final class Chat implements Callable<Integer>, Handler<String, String> {

  private static final int MAX_LINE_BYTES = 1024;
  private static final int MAX_NAMES_SHOWN = 50;
  private static final String LOBBY = "lobby";
  private static final Pattern NAME = Pattern.compile("[\\p{L}\\p{N}_-]{1,20}");
  private static final String HELP = "/nick NAME, /join ROOM, /leave, /who, /help, /quit";

  /** Time after which a silent client is taken for {@code nc} and gets the greeting. */
  private static final Duration DETECTION_TIMEOUT = Duration.ofMillis(500);

  private record Guest(String name, String room) {}

  @Mixin private ServerOptions options = new ServerOptions(5021);
  private final Rooms<String> rooms = new Rooms<>(SlowConsumer.dropOldest());
  private final Set<String> names = ConcurrentHashMap.newKeySet(); // in lower case
  private final Function<WebSocketMessage, String> decode = Chat::decode;
  private final Function<String, WebSocketMessage> encode = WebSocketMessage::text;

  @Override
  public Integer call() throws InterruptedException {
    Multiplexer port =
        Multiplexer.builder()
            .when(FirstBytes.http(), webSockets(), this)
            .otherwiseAfter(DETECTION_TIMEOUT, () -> Protocols.lines(UTF_8, MAX_LINE_BYTES), this)
            .build();
    Limits limits = Limits.builder().messageRate(/* perSecond= */ 10, /* burst= */ 50).build();
    return options.servePage(Server.builder(port::protocol, port.handler()).plugin(limits));
  }

  private Supplier<Protocol<String, String>> webSockets() {
    Supplier<WebSocketProtocol> sockets =
        WebSocketProtocol.server()
            .path("/chat")
            .maxMessageBytes(MAX_LINE_BYTES)
            .http(HttpResponder.classPath("chat"))
            .build();
    return () -> sockets.get().map(decode, encode);
  }

  private static String decode(WebSocketMessage message) {
    if (message instanceof WebSocketMessage.Text text) {
      return text.text();
    }
    throw new ProtocolException("message: bytes (expected: a text)");
  }

  @Override
  public void onConnect(Connection<String> connection) {
    int number = 1;
    while (!names.add("guest" + number)) {
      number++;
    }
    connection.send("Welcome. Type to talk, or " + HELP + ".");
    enter(connection, new Guest("guest" + number, LOBBY));
  }

  private void enter(Connection<String> connection, Guest guest) {
    connection.attach(guest);
    rooms.join(guest.room(), connection);
    rooms.publish(guest.room(), "* " + guest.name() + " is in " + guest.room() + " now");
  }

  private void leave(Connection<String> connection, Guest guest) {
    rooms.leave(guest.room(), connection);
    rooms.publish(guest.room(), "* " + guest.name() + " has left " + guest.room());
  }

  @Override
  public void onMessage(Connection<String> connection, String line) {
    Guest guest = requireNonNull(connection.attachment(Guest.class));
    // Control characters could change the settings of another guest's terminal.
    String text = line.replaceAll("\\p{Cntrl}", " ").strip();
    if (text.startsWith("/")) {
      String[] words = text.split(" +", 2);
      execute(connection, guest, words[0], words.length == 1 ? "" : words[1]);
    } else if (!text.isEmpty()) {
      rooms.publish(guest.room(), guest.name() + ": " + text);
    }
  }

  private void execute(
      Connection<String> connection, Guest guest, String command, String argument) {
    switch (command) {
      case "/nick" -> rename(connection, guest, argument);
      case "/join" -> join(connection, guest, argument);
      case "/leave" -> join(connection, guest, LOBBY);
      case "/who" -> connection.send(members(guest.room()));
      case "/help" -> connection.send("* " + HELP);
      case "/quit" -> connection.close();
      default -> connection.send("! " + command + " is unknown (expected: " + HELP + ")");
    }
  }

  private static boolean isName(Connection<String> connection, String name) {
    boolean isName = NAME.matcher(name).matches();
    if (!isName) {
      connection.send("! invalid name (expected: 1 to 20 letters, digits, _ or -)");
    }
    return isName;
  }

  private void rename(Connection<String> connection, Guest guest, String name) {
    if (!isName(connection, name)) {
      return;
    }
    boolean onlyCase = key(name).equals(key(guest.name()));
    if (!onlyCase && !names.add(key(name))) {
      connection.send("! " + name + " is taken");
      return;
    }
    if (!onlyCase) {
      names.remove(key(guest.name()));
    }
    connection.attach(new Guest(name, guest.room()));
    rooms.publish(guest.room(), "* " + guest.name() + " is " + name + " now");
  }

  private void join(Connection<String> connection, Guest guest, String room) {
    if (isName(connection, room) && !room.equals(guest.room())) {
      leave(connection, guest);
      enter(connection, new Guest(guest.name(), room));
    }
  }

  private String members(String room) {
    List<String> present = new ArrayList<>();
    rooms.forEach(room, guest -> present.add(requireNonNull(guest.attachment(Guest.class)).name()));
    String shown = String.join(", ", present.stream().sorted().limit(MAX_NAMES_SHOWN).toList());
    String rest =
        present.size() > MAX_NAMES_SHOWN ? " and " + (present.size() - MAX_NAMES_SHOWN) : "";
    return "* in " + room + ": " + shown + rest;
  }

  private static String key(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  @Override
  public void onClose(Connection<String> connection, CloseReason reason) {
    Guest guest = requireNonNull(connection.attachment(Guest.class));
    names.remove(key(guest.name()));
    leave(connection, guest);
  }
}
