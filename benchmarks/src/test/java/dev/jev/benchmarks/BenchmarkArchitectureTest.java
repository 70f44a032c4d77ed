package dev.jev.benchmarks;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import dev.jev.ProgramRules;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BenchmarkArchitectureTest {

  private static final JavaClasses BENCHMARKS =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.jev.benchmarks");

  @Test
  void packagesDependInOneDirection() {
    layeredArchitecture()
        .consideringOnlyDependenciesInAnyPackage("dev.jev.benchmarks..")
        .layer("program")
        .definedBy("dev.jev.benchmarks")
        .layer("capacity")
        .definedBy("dev.jev.benchmarks.capacity")
        .layer("codecs")
        .definedBy("dev.jev.benchmarks.codecs..")
        .layer("comparing")
        .definedBy("dev.jev.benchmarks.comparing")
        .layer("drawing")
        .definedBy("dev.jev.benchmarks.drawing")
        .layer("torturing")
        .definedBy("dev.jev.benchmarks.torturing")
        .layer("working")
        .definedBy("dev.jev.benchmarks.working")
        .layer("shared")
        .definedBy("dev.jev.benchmarks.shared")
        .ensureAllClassesAreContainedInArchitecture()
        .whereLayer("program")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("capacity")
        .mayOnlyBeAccessedByLayers("program")
        .whereLayer("codecs")
        .mayOnlyBeAccessedByLayers("program")
        .whereLayer("comparing")
        .mayOnlyBeAccessedByLayers("program")
        .whereLayer("drawing")
        .mayOnlyBeAccessedByLayers("program", "capacity", "torturing")
        .whereLayer("torturing")
        .mayOnlyBeAccessedByLayers("program")
        .whereLayer("working")
        .mayOnlyBeAccessedByLayers("program")
        .whereLayer("shared")
        .mayOnlyBeAccessedByLayers(
            "program", "capacity", "comparing", "drawing", "torturing", "working")
        .check(BENCHMARKS);
  }

  @Test
  void filesHaveNoCycles() {
    slices().assignedFrom(new Files()).should().beFreeOfCycles().check(BENCHMARKS);
  }

  /** Assigns each class to its source file. Classes that JMH generates are ignored. */
  private static final class Files implements SliceAssignment {

    @Override
    public SliceIdentifier getIdentifierOf(JavaClass type) {
      return type.getPackageName().endsWith("jmh_generated")
          ? SliceIdentifier.ignore()
          : SliceIdentifier.of(type.getName().replaceFirst("\\$.*", ""));
    }

    @Override
    public String getDescription() {
      return "source files";
    }
  }

  @Test
  void testsStartProcessesWithProgram() {
    ProgramRules.check("dev.jev.benchmarks");
  }
}
