package dev.jev.codec;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaModifier.PUBLIC;
import static com.tngtech.archunit.core.domain.properties.HasModifiers.Predicates.modifier;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.jev.NativeImageRules;
import dev.jev.ProgramRules;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

class CodecArchitectureTest {

  /** The dependencies that every class may have. */
  private static final DescribedPredicate<JavaClass> COMMON =
      resideInAnyPackage("dev.jev.codec", "io.netty.buffer", "java..", "javax..", "org.jspecify..")
          .or(resideInAPackage("dev.jev").and(modifier(PUBLIC)));

  private static final String PROTOBUF = "com.google.protobuf";
  private static final String JACKSON = "tools.jackson..";
  private static final String MESSAGE_PACK = "org.msgpack..";
  private static final String NETTY_WITHOUT_CODECS = "io.netty.[channel|util]..";

  /** The classes that may use another library as well. */
  private static final Map<String, Set<String>> USERS =
      Map.of(
          PROTOBUF,
          Set.of(
              "AnyProtocol",
              "GevProtobufProtocol",
              "ProtobufBytes",
              "ProtobufProtocol",
              "ProtobufTypes"),
          JACKSON,
          Set.of("JsonLinesProtocol"),
          MESSAGE_PACK,
          Set.of("MessagePackFrames", "MessagePackProtocol"),
          NETTY_WITHOUT_CODECS,
          Set.of(
              "NettyCodec",
              "NettyCodecChannel",
              "NettyCodecGate",
              "NettyCodecLoop",
              "NettyCodecProtocol"));

  private static final JavaClasses CODECS =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.jev.codec");

  @Test
  void codecsUseOnlyPublicCoreByteBufAndTheJdk() {
    DescribedPredicate<JavaClass> users =
        describe("use a library", type -> USERS.values().stream().anyMatch(isAmong(type)));
    classes()
        .that(DescribedPredicate.not(users).and(DescribedPredicate.not(named("Protocols"))))
        .should()
        .onlyDependOnClassesThat(COMMON)
        .check(CODECS);
  }

  @Test
  void codecOfALibraryUsesNoOther() {
    USERS.forEach(
        (library, names) ->
            classes()
                .that(describe("use " + library, type -> isAmong(type).test(names)))
                .should()
                .onlyDependOnClassesThat(COMMON.or(resideInAPackage(library)))
                .check(CODECS));
  }

  /**
   * The class names their types in its signatures; OptionalJarsTest proves that it works without
   * them.
   */
  @Test
  void onlyTheFactoriesKnowAllLibraries() {
    classes()
        .that(named("Protocols"))
        .should()
        .onlyDependOnClassesThat(COMMON.or(resideInAnyPackage(PROTOBUF, JACKSON, MESSAGE_PACK)))
        .check(CODECS);
  }

  private static DescribedPredicate<JavaClass> named(String name) {
    return describe("are " + name, type -> type.getSimpleName().equals(name));
  }

  /** Returns a predicate that is true if a class, or its enclosing class, has one of the names. */
  private static Predicate<Set<String>> isAmong(JavaClass type) {
    String name = type.getName().replaceAll("^.*[.]|[$].*$", "");
    return names -> names.contains(name);
  }

  @Test
  void testsStartProcessesWithProgram() {
    ProgramRules.check("dev.jev.codec");
  }

  @Test
  void nativeImageMetadataIsComplete() throws Exception {
    NativeImageRules.check("dev.jev.codec", "toolkit-codecs");
  }
}
