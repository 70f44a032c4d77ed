package dev.jev.nodes;

import static dev.jev.nodes.ContractNodes.equal;
import static dev.jev.nodes.ContractNodes.ids;
import static dev.jev.nodes.ContractNodes.lost;
import static dev.jev.nodes.ContractNodes.require;
import static dev.jev.nodes.ContractNodes.slice;
import static dev.jev.nodes.ContractNodes.texts;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Backplane.Stored;
import dev.jev.nodes.ContractNodes.Node;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/** The checks of {@link BackplaneContract} that concern records. */
final class RecordChecks {

  private static final int TRIMMED_AFTER = 2000;

  private final Duration age;

  RecordChecks(Duration age) {
    this.age = age;
  }

  void order(ContractNodes nodes) {
    Channel channel = nodes.log("order", 1000);
    Node node = nodes.open("a");
    node.listen(channel);
    String beginning = node.end(channel);
    List<String> texts = numbers("m", 100);
    List<String> stored = new ArrayList<>();
    texts.forEach(text -> stored.add(node.publish(channel, text).id()));
    List<Record> records = node.records(channel, texts.size());
    equal("records", texts(records), texts);
    equal("ids of the records", ids(records), stored);
    chained(records, beginning);
  }

  void oneOrder(ContractNodes nodes) {
    Channel channel = nodes.log("one-order", 10_000);
    List<Node> all = List.of(nodes.open("a"), nodes.open("b"));
    all.forEach(node -> node.listen(channel));
    String beginning = all.get(0).end(channel);
    List<CompletableFuture<Void>> publishers = new ArrayList<>();
    for (String each : List.of("a", "b", "c", "d")) {
      Node node = all.get(publishers.size() % 2);
      publishers.add(
          CompletableFuture.runAsync(
              () -> node.publish(channel, numbers(each, 200)), task -> start(task)));
    }
    publishers.forEach(nodes::get);
    List<Record> records = all.get(0).records(channel, 800);
    chained(records, beginning);
    equal("records of another node", ids(all.get(1).records(channel, 800)), ids(records));
    Slice slice = nodes.open("c").read(channel, Position.after(beginning));
    equal("records that are read", ids(slice.records()), ids(records));
    for (String each : List.of("a", "b", "c", "d")) {
      List<String> own = texts(records).stream().filter(text -> text.startsWith(each)).toList();
      equal("records of one publisher", own, numbers(each, 200));
    }
  }

  private static void start(Runnable task) {
    new Thread(task, "contract publisher").start();
  }

  void listening(ContractNodes nodes) {
    Channel channel = nodes.log("listening", 1000);
    Channel other = nodes.log("listening-other", 1000);
    Node publisher = nodes.open("a");
    Node node = nodes.open("b");
    publisher.publish(channel, "before");
    node.listen(channel);
    node.listen(other);
    publisher.publish(channel, "after");
    equal("records", texts(node.records(channel, 1)), List.of("after"));
    node.session().unlisten(List.of(channel));
    nodes.eventually(
        "end of listening",
        () -> {
          int sizeBefore = node.records(channel, 0).size();
          int others = node.records(other, 0).size();
          publisher.publish(channel, "late");
          publisher.publish(other, "other");
          node.records(other, others + 1);
          return node.records(channel, 0).size() == sizeBefore;
        });
  }

  void positions(ContractNodes nodes) {
    Channel channel = nodes.log("positions", 3);
    Node node = nodes.open("a");
    String trimmed = trimmed(node, channel);
    List<Record> kept = node.read(channel, null).records();
    List<String> texts = texts(kept);
    String end = node.end(channel);
    require(kept.size() >= 3, "kept records: " + kept.size() + " (expected: >= 3)");
    equal("last of the newest records", kept.get(kept.size() - 1).id(), end);
    chained(kept, kept.get(0).previous());
    slice("the oldest", node.read(channel, Position.OLDEST), texts, true, end);
    slice("one before the first", at(node, channel, kept.get(0).previous()), texts, true, end);
    for (int i = 0; i < kept.size(); i++) {
      List<String> behind = texts.subList(i + 1, texts.size());
      slice("record " + i, at(node, channel, kept.get(i).id()), behind, true, end);
    }
    lost("a trimmed record", at(node, channel, trimmed), texts, end);
    lost("an unknown id", at(node, channel, "un.known_id-0"), texts, end);
    String foreign = node.publish(nodes.log("positions-other", 3), "other").id();
    lost("an id of another topic", at(node, channel, foreign), texts, end);
  }

  private static Slice at(Node node, Channel channel, String id) {
    return node.read(channel, Position.after(id));
  }

  /** Publishes until a record is no longer kept, and returns its id. */
  private static String trimmed(Node node, Channel channel) {
    String first = node.publish(channel, "first").id();
    node.publish(channel, "second");
    for (int i = 0; at(node, channel, first).continuous(); i++) {
      require(i < TRIMMED_AFTER, i + " records of a log of 3 are kept");
      node.publish(channel, "m" + i);
    }
    return first;
  }

  void insidePositions(ContractNodes nodes) {
    Channel channel = nodes.log("inside", 3);
    Node node = nodes.open("a");
    String trimmed = trimmed(node, channel);
    List<Record> kept = node.read(channel, null).records();
    String end = node.end(channel);
    for (int i = 0; i < kept.size(); i++) {
      Slice slice = node.read(channel, Position.inside(kept.get(i).id(), 1));
      slice("half of record " + i, slice, texts(kept).subList(i, kept.size()), true, end);
    }
    for (String id : List.of(trimmed, kept.get(0).previous(), "un.known_id-0")) {
      lost("half of a lost record", node.read(channel, Position.inside(id, 1)), texts(kept), end);
    }
  }

  void beginning(ContractNodes nodes) {
    Channel channel = nodes.log("beginning", 10);
    Node node = nodes.open("a");
    String beginning = node.end(channel);
    slice("the beginning", at(node, channel, beginning), List.of(), true, beginning);
    equal("beginning, seen by another node", nodes.open("b").end(channel), beginning);
    String id = node.publish(channel, "first").id();
    Slice slice = at(node, channel, beginning);
    slice("the beginning", slice, List.of("first"), true, id);
    chained(slice.records(), beginning);
  }

  void newest(ContractNodes nodes) {
    Channel channel = nodes.log("newest", 100);
    Node node = nodes.open("a");
    slice("nothing", node.read(channel, null), List.of(), true, node.end(channel));
    List<String> texts = numbers("m", 10);
    node.publish(channel, texts);
    String end = node.end(channel);
    slice("null, without bytes", node.read(channel, null, 0), List.of(), true, end);
    slice("null", node.read(channel, null), texts, true, end);
    slice("null, one byte", node.read(channel, null, 1), List.of("m9"), true, end);
  }

  void pages(ContractNodes nodes) {
    Channel channel = nodes.log("pages", 100);
    Node node = nodes.open("a");
    String at = node.end(channel);
    List<String> texts = numbers("m".repeat(50), 30);
    node.publish(channel, texts);
    String end = node.end(channel);
    List<String> read = new ArrayList<>();
    int pages = 0;
    for (; !at.equals(end); pages++) {
      Slice slice = node.read(channel, Position.after(at), 300);
      require(slice.continuous(), "page " + pages + " is not continuous");
      equal("end, seen by page " + pages, slice.end(), end);
      require(!slice.records().isEmpty(), "page " + pages + " is empty");
      read.addAll(texts(slice.records()));
      at = slice.records().get(slice.records().size() - 1).id();
    }
    equal("records of all pages", read, texts);
    require(pages >= 5 && pages <= 10, pages + " pages of 300 bytes for 30 records of 70");
  }

  void readsAfterHandOver(ContractNodes nodes) {
    Channel channel = nodes.log("hand-over", 1000);
    Node publisher = nodes.open("a");
    Node node = nodes.open("b");
    node.listen(channel);
    for (int i = 0; i < 200; i++) {
      nodes.get(publisher.session().publish(channel, nodes.body("m" + i), null));
      Record record = node.records(channel, i + 1).get(i);
      Slice slice = at(node, channel, record.previous());
      equal("a read after the hand-over", ids(slice.records()), List.of(record.id()));
    }
  }

  void latest(ContractNodes nodes) {
    Channel channel = nodes.channel("latest", Kind.LATEST, Duration.ofMinutes(10));
    Node node = nodes.open("a");
    node.listen(channel);
    equal("records of a new topic", texts(node.read(channel, null).records()), List.of());
    String old = node.publish(channel, "old").id();
    String id = node.publish(channel, "new").id();
    equal("records", texts(node.records(channel, 2)), List.of("old", "new"));
    slice("null", node.read(channel, null), List.of("new"), true, id);
    slice("null, without bytes", node.read(channel, null, 0), List.of(), true, id);
    slice("an older record", at(node, channel, old), List.of("new"), true, id);
    slice("an unknown id", at(node, channel, "un.known_id-0"), List.of("new"), true, id);
    slice("the newest record", at(node, channel, id), List.of(), true, id);
    Slice half = node.read(channel, Position.inside(id, 1));
    slice("half of the newest record", half, List.of("new"), true, id);
    Channel brief = nodes.channel("latest-brief", Kind.LATEST, age);
    node.publish(brief, "brief");
    nodes.eventually("expiry", () -> node.read(brief, null).records().isEmpty());
  }

  void events(ContractNodes nodes) {
    Channel events = nodes.channel("events", Kind.EVENTS, Duration.ZERO);
    Channel log = nodes.log("events", 10);
    Node node = nodes.open("a");
    Node other = nodes.open("b");
    List.of(node, other).forEach(each -> each.listen(events));
    node.listen(log);
    equal("id of an event", node.publish(events, "e0").id(), "");
    node.publish(events, List.of("e1", "e2"));
    node.publish(log, "stored");
    equal("records of the log", texts(node.records(log, 1)), List.of("stored"));
    equal("events", texts(node.records(events, 3)), List.of("e0", "e1", "e2"));
    equal("events of another node", texts(other.records(events, 3)), List.of("e0", "e1", "e2"));
    equal("ids of events", new HashSet<>(ids(node.records(events, 3))), new HashSet<>(List.of("")));
    equal("events that are read", node.read(events, null).records(), List.of());
    equal("stored records", texts(node.read(log, null).records()), List.of("stored"));
  }

  void again(ContractNodes nodes) {
    for (Channel channel :
        List.of(
            nodes.log("again", 3), nodes.channel("again", Kind.LATEST, Duration.ofMinutes(10)))) {
      Node node = nodes.open("a" + channel.retention().kind());
      node.listen(channel);
      byte[] body = nodes.body("new");
      Stored first = nodes.get(node.session().publish(channel, body, ""));
      equal("first publication", first.again(), false);
      Stored second = nodes.get(node.session().publish(channel, body.clone(), ""));
      equal("second publication", second, new Stored(first.id(), true));
      body = nodes.body("next");
      Stored third = nodes.get(node.session().publish(channel, body, null));
      equal("again", nodes.get(node.session().publish(channel, body, first.id())).id(), third.id());
      node.publish(channel, "last");
      equal("records", texts(node.records(channel, 3)), List.of("new", "next", "last"));
    }
    againAfterTrim(nodes);
  }

  /** The engine may know that a body was stored, or fail, but must not store it again. */
  private static void againAfterTrim(ContractNodes nodes) {
    Channel channel = nodes.log("again-trimmed", 3);
    Node node = nodes.open("c");
    Node other = nodes.open("d");
    byte[] body = nodes.body("trimmed");
    String id = nodes.get(node.session().publish(channel, body, null)).id();
    trimmed(other, channel);
    String end = node.end(channel);
    Object outcome = nodes.outcome(node.session().publish(channel, body, ""));
    require(
        outcome.equals(new Stored(id, true))
            || (outcome instanceof Exception && !outcome.toString().contains("RefusedException")),
        "a trimmed record that is published again: " + outcome);
    equal("end after it is published again", node.end(channel), end);
    Stored stored = nodes.get(node.session().publish(channel, nodes.body("not yet"), end));
    equal("a body that was not stored since a record that is kept", stored.again(), false);
  }

  void age(ContractNodes nodes) {
    Channel channel = nodes.log("age", 100, age);
    Node node = nodes.open("a");
    String beginning = node.end(channel);
    node.publish(channel, List.of("first", "second"));
    String last = node.publish(channel, "third").id();
    nodes.eventually("expiry", () -> node.read(channel, null).records().isEmpty());
    slice("the last record", at(node, channel, last), List.of(), true, last);
    lost("the beginning", at(node, channel, beginning), List.of(), last);
    lost("half of the last record", node.read(channel, Position.inside(last, 1)), List.of(), last);
    Channel longer = nodes.log("age", 100);
    equal("id that is used again", node.publish(longer, "new").id().equals(last), false);
    Slice slice = at(node, longer, last);
    equal("records behind the expired ones", texts(slice.records()), List.of("new"));
    chained(slice.records(), last);
  }

  private static List<String> numbers(String prefix, int count) {
    return IntStream.range(0, count).mapToObj(i -> prefix + i).toList();
  }

  /** Checks that each record has the id of the one before, and an id of its own. */
  private static void chained(List<Record> records, String previous) {
    String before = previous;
    for (Record record : records) {
      equal("previous id", record.previous(), before);
      equal("id as a position", Position.parse(record.id()).toString(), record.id());
      before = record.id();
    }
    equal("ids without repetition", new HashSet<>(ids(records)).size(), records.size());
  }
}
