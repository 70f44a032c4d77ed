package dev.jev;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaModifier.PUBLIC;
import static com.tngtech.archunit.core.domain.properties.HasModifiers.Predicates.modifier;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.time.Clock;
import java.util.Date;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
  private static final JavaClasses CORE =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(new ImportOption.DoNotIncludeJars())
          .importPackages("dev.jev");

  @Test
  void coreDependsOnNoOtherModule() {
    noClasses()
        .should()
        .dependOnClassesThat(
            resideInAPackage("dev.jev..")
                .and(
                    DescribedPredicate.not(resideInAnyPackage("dev.jev", "dev.jev.plugin"))
                        .as("outside core")))
        .check(CORE);
  }

  @Test
  void pluginsTouchOnlyPublicTypesOfCore() {
    noClasses()
        .that()
        .resideInAPackage("dev.jev.plugin")
        .should()
        .dependOnClassesThat(
            resideInAPackage("dev.jev").and(DescribedPredicate.not(modifier(PUBLIC))))
        .allowEmptyShould(true)
        .check(CORE);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("dev.(**)").should().beFreeOfCycles().check(CORE);
  }

  @Test
  void nothingPrints() {
    noClasses()
        .should()
        .accessField(System.class, "out")
        .orShould()
        .accessField(System.class, "err")
        .check(CORE);
  }

  @Test
  void nothingUsesJavaUtilLogging() {
    NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING.check(CORE);
  }

  @Test
  void nothingUsesInternalsOfTheJdk() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("sun..", "com.sun..", "jdk.internal..")
        .check(CORE);
  }

  /** The wall clock is not read, so a jump of the machine's clock changes nothing. */
  @Test
  void nothingAsksForTheTimeOfDay() {
    noClasses()
        .that()
        .doNotHaveSimpleName("RateLimitedLog") // only loads the classes that logging needs
        .and()
        .doNotHaveSimpleName("PcapFile") // packets have the time of day in which they were sent
        .should()
        .callMethodWhere(target(name("now")).and(target(owner(resideInAPackage("java.time..")))))
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(Clock.class)
        .orShould()
        .callConstructor(Date.class) // the one without arguments, which is the present time
        .check(CORE);
  }

  @Test
  void testsStartProcessesWithProgram() {
    ProgramRules.check("dev.jev");
  }

  @Test
  void nativeImageMetadataIsComplete() throws Exception {
    NativeImageRules.check("dev.jev", "toolkit-core", "dev.jev.NettyArtifacts");
  }
}
