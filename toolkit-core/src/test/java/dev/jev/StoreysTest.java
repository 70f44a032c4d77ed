package dev.jev;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.mapping;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The storeys of {@code dev.jev}: each class belongs to one, and arrows only go down. */
class StoreysTest {

  /** The storeys, from the ground up. A class may depend on its own storey and on those below. */
  private enum Storey {
    /** The small types of the API, and classes that need only these. */
    GROUND(
        "AsyncReplies Attributes Checks CloseReason Completions Connection ConnectionInfo Connections Copyable DeadlineWheel Delivery FileDescriptors Handler"
            + " HostName LoadBalancing Mailbox MappedProtocol MessageOwnership Network Offloadable"
            + " OffloadedHandler OverflowPolicy PerConnectionHandler Places Plugin PluginHost Protocol ProtocolContext ProtocolException"
            + " RateLimitedLog RequestCounts RequestException ScheduledTask Scheduler ServerStats SimulatedConnection Sized"
            + " SlowConsumer Subscription Undelivered UnixAddress UnixPeer Unpublishable"),

    /** Threads, their shared buffers, turns. */
    LOOP(
        "EventLoops EventLoopsUser Loop LoopEpollIoHandler LoopMember LoopService LoopTimers"
            + " LoopWatchdog NativeJar NettyArtifacts SocketOptions Transport"),

    /** The path from a socket to the handler and back. */
    CONNECTION(
        "Announced CloseTasks ConnectionConfig ConnectionFactory ConnectionHost ConnectionLifecycle ConnectionObservers"
            + " FrameDeadline HalfClose Inbound MessageSink Outbound PackedOutput ProtocolDriver ProtocolPacker"
            + " ResetCheck SendQueue ServerIntake SharedMessage SocketAddresses StreamConnection SubscriberPort"
            + " SubscriberQueue UdpConnection UdpSocket UnixInputEnd"),

    /** Publishing and presence. */
    PUSH(
        "RetainedMessages SimulatedSubscriber Topic TopicBatch TopicCounters TopicMembers TopicMessage TopicQueue TopicReplay TopicShard TopicSubscriber"),

    /** Listening, connecting, stopping. */
    ENDPOINTS(
        "Client ClientBackoff ClientOutbox ClientSockets ClientTargets ConnectAddress ConnectAttempt"
            + " ConnectFailures Endpoint EndpointBuilder EndpointConnections EndpointWarmUp HostLookup ListenAddress ConnectionWarmUp OpenRequests Requests Server ServerAcceptor ServerSockets"
            + " UdpAddresses UnixSocketFile");

    private final String files;

    Storey(String files) {
      this.files = files;
    }

    List<String> files() {
      return List.of(files.split(" "));
    }

    static Optional<Storey> of(JavaClass type) {
      String file = file(type);
      return Arrays.stream(values()).filter(storey -> storey.files().contains(file)).findFirst();
    }
  }

  /** The circles of more than two files: each is one idea. ARCHITECTURE.md says why. */
  private static final Set<Set<String>> CIRCLES =
      Set.of(
          Set.of(
              "StreamConnection",
              "ConnectionLifecycle",
              "ConnectionObservers",
              "ProtocolDriver",
              "ProtocolPacker",
              "Outbound",
              "PackedOutput"),
          Set.of(
              "SimulatedSubscriber",
              "Topic",
              "TopicBatch",
              "TopicCounters",
              "TopicMembers",
              "TopicMessage",
              "TopicQueue",
              "TopicShard",
              "TopicSubscriber"),
          Set.of("AsyncReplies", "Handler", "OffloadedHandler", "PerConnectionHandler"),
          Set.of("SendQueue", "SubscriberPort", "SubscriberQueue"),
          Set.of("Loop", "LoopMember", "LoopTimers"));

  private static final JavaClasses CORE =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(new ImportOption.DoNotIncludeJars())
          .importPackages("dev.jev");

  private static String file(JavaClass type) {
    String name = type.getName().substring(type.getPackageName().length() + 1);
    return name.split("\\$", 2)[0];
  }

  private static boolean isInCore(JavaClass type) {
    return type.getPackageName().equals("dev.jev") && !type.getSimpleName().equals("package-info");
  }

  private static final ArchCondition<JavaClass> DEPEND_ONLY_DOWNWARDS =
      new ArchCondition<>("belong to a storey and depend only downwards") {
        @Override
        public void check(JavaClass type, ConditionEvents events) {
          Optional<Storey> own = Storey.of(type);
          if (own.isEmpty()) {
            events.add(SimpleConditionEvent.violated(type, type.getName() + " has no storey"));
            return;
          }
          for (Dependency arrow : type.getDirectDependenciesFromSelf()) {
            JavaClass target = arrow.getTargetClass().getBaseComponentType();
            if (isInCore(target)
                && Storey.of(target).filter(other -> other.compareTo(own.get()) > 0).isPresent()) {
              events.add(SimpleConditionEvent.violated(arrow, "up: " + arrow.getDescription()));
            }
          }
        }
      };

  @Test
  void everyClassHasAStoreyAndArrowsGoDownOnly() {
    classes()
        .that(resideInAPackage("dev.jev"))
        .and()
        .doNotHaveSimpleName("package-info")
        .should(DEPEND_ONLY_DOWNWARDS)
        .check(CORE);
  }

  @Test
  void everyFileOfAStoreyIsDescribed() throws IOException {
    String architecture = Files.readString(Path.of("../ARCHITECTURE.md"));
    for (Storey storey : Storey.values()) {
      for (String file : storey.files()) {
        assertThat(architecture).contains("| `" + file + "` |");
      }
    }
  }

  @Test
  void everyFileOfAStoreyExists() {
    Set<String> files = new HashSet<>();
    CORE.stream().filter(StoreysTest::isInCore).forEach(type -> files.add(file(type)));
    for (Storey storey : Storey.values()) {
      assertThat(files).as(storey.name()).containsAll(storey.files());
    }
  }

  @Test
  void filesFormNoOtherCirclesThanTheKnownOnes() {
    Map<String, Set<String>> arrows =
        CORE.stream()
            .filter(StoreysTest::isInCore)
            .flatMap(type -> type.getDirectDependenciesFromSelf().stream())
            .filter(arrow -> isInCore(arrow.getTargetClass().getBaseComponentType()))
            .collect(
                groupingBy(
                    arrow -> file(arrow.getOriginClass()),
                    mapping(
                        arrow -> file(arrow.getTargetClass().getBaseComponentType()), toSet())));
    Set<Set<String>> circles = new HashSet<>();
    for (String file : arrows.keySet()) {
      Set<String> circle = reachable(file, arrows);
      circle.removeIf(other -> !reachable(other, arrows).contains(file));
      if (circle.size() > 2) {
        circles.add(circle);
      }
    }
    assertThat(circles).isEqualTo(CIRCLES);
  }

  private static Set<String> reachable(String file, Map<String, Set<String>> arrows) {
    Set<String> reached = new HashSet<>();
    Deque<String> next = new ArrayDeque<>(arrows.getOrDefault(file, Set.of()));
    while (!next.isEmpty()) {
      String each = next.remove();
      if (reached.add(each)) {
        next.addAll(arrows.getOrDefault(each, Set.of()));
      }
    }
    return reached;
  }
}
