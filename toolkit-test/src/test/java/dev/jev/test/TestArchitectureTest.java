package dev.jev.test;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaModifier.PUBLIC;
import static com.tngtech.archunit.core.domain.properties.HasModifiers.Predicates.modifier;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.jev.ProgramRules;
import dev.jev.ProtocolContext;
import org.junit.jupiter.api.Test;

class TestArchitectureTest {

  private static final JavaClasses KIT =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.jev.test");

  @Test
  void theKitUsesOnlyPublicCoreBuffersJunitAndTheJdk() {
    classes()
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(
                    "dev.jev.test",
                    "io.netty.buffer",
                    "io.netty.util",
                    "org.junit.jupiter.api..",
                    "com.sun.management",
                    "java..",
                    "org.jspecify..")
                .or(name("io.netty.channel.ChannelHandler")) // of Connection.detach
                .or(resideInAPackage("dev.jev").and(modifier(PUBLIC))))
        .check(KIT);
  }

  @Test
  void testContextIsTheOnlyContext() {
    classes().that().implement(ProtocolContext.class).should().be(TestContext.class).check(KIT);
  }

  @Test
  void onlyTheContractKnowsJunit() {
    noClasses()
        .that()
        .doNotHaveSimpleName("ProtocolContract")
        .should()
        .dependOnClassesThat(resideInAPackage("org.junit.."))
        .check(KIT);
  }

  @Test
  void testsStartProcessesWithProgram() {
    ProgramRules.check("dev.jev.test");
  }
}
