package dev.jev.metrics;

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

class MetricsArchitectureTest {

  private static final JavaClasses METRICS =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.jev.metrics");

  @Test
  void metricsSeeOnlyPublicTypesOfOtherModules() {
    classes()
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(
                    "dev.jev.metrics",
                    "io.micrometer..",
                    "io.netty.buffer",
                    "io.netty.channel",
                    "java..",
                    "com.sun.management",
                    "org.jspecify..")
                .or(
                    resideInAnyPackage(
                            "dev.jev", "dev.jev.plugin", "dev.jev.websocket", "dev.jev.nodes")
                        .and(modifier(PUBLIC))))
        .check(METRICS);
  }

  /** Applications that load no other class do without it. */
  @Test
  void onlyTheMetricsOfNodesNeedNodes() {
    noClasses()
        .that()
        .haveNameNotMatching(".*NodesMetrics.*")
        .should()
        .dependOnClassesThat(resideInAPackage("dev.jev.nodes.."))
        .check(METRICS);
  }

  @Test
  void onlyTheServerNeedsPrometheus() {
    noClasses()
        .that()
        .haveNameNotMatching(".*MetricsServer.*")
        .should()
        .dependOnClassesThat(resideInAPackage("io.micrometer.prometheusmetrics.."))
        .check(METRICS);
  }

  @Test
  void testsStartProcessesWithProgram() {
    ProgramRules.check("dev.jev.metrics");
  }
}
