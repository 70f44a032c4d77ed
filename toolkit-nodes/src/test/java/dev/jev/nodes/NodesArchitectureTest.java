package dev.jev.nodes;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaModifier.PUBLIC;
import static com.tngtech.archunit.core.domain.properties.HasModifiers.Predicates.modifier;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.jev.ProgramRules;
import org.junit.jupiter.api.Test;

class NodesArchitectureTest {

  private static final JavaClasses NODES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.jev.nodes");

  @Test
  void nodesSeeOnlyPublicTypesOfCoreAndWebSocket() {
    classes()
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(
                    "dev.jev.nodes",
                    "io.netty.buffer",
                    "java..",
                    "jdk.jfr..",
                    "org.junit.jupiter.api..",
                    "org.jspecify..",
                    "tools.jackson.core..")
                .or(
                    resideInAnyPackage("dev.jev", "dev.jev.plugin", "dev.jev.websocket")
                        .and(modifier(PUBLIC))))
        .check(NODES);
  }

  @Test
  void onlyTheContractNeedsJUnit() {
    noClasses()
        .that()
        .haveNameNotMatching(".*(Contract|Checks).*")
        .should()
        .dependOnClassesThat(resideInAPackage("org.junit.."))
        .check(NODES);
  }

  @Test
  void testsStartProcessesWithProgram() {
    ProgramRules.check("dev.jev.nodes");
  }
}
