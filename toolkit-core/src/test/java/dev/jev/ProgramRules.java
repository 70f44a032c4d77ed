package dev.jev;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.conditions.ArchConditions.have;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaCodeUnitAccess;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.platform.commons.annotation.Testable;

/** The rules for tests that start processes. The architecture test of each module checks them. */
public final class ProgramRules {

  private static final String PROGRAM = Program.class.getName();

  /** Calls nothing but the shell, which every machine has that runs the tests. */
  private static final String CHILD_JVM = ChildJvm.class.getName();

  private static final Set<String> CALLS = Set.of("start", "run", "require");

  private ProgramRules() {}

  /** Checks the tests of a package and its subpackages. */
  public static void check(String packageName) {
    JavaClasses tests =
        new ClassFileImporter()
            .withImportOption(new ImportOption.OnlyIncludeTests())
            .importPackages(packageName);
    onlyProgramStartsProcesses(tests);
    callersAreMarked(tests);
  }

  private static void onlyProgramStartsProcesses(JavaClasses tests) {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName(PROGRAM)
        .should()
        .dependOnClassesThat()
        .areAssignableTo("java.lang.ProcessBuilder")
        .orShould()
        .callMethodWhere(
            describe(
                "Runtime.exec",
                call ->
                    call.getTarget().getOwner().isEquivalentTo(Runtime.class)
                        && call.getName().equals("exec")))
        .because("a test whose program is missing is skipped, and only Program does that")
        .check(tests);
  }

  private static void callersAreMarked(JavaClasses tests) {
    methods()
        .that(
            describe(
                "call programs",
                (JavaMethod method) -> isRunByJunit(method) && calls(method, new HashSet<>())))
        .should(have(describe("@CallsPrograms", ProgramRules::isMarked)))
        .allowEmptyShould(true)
        .check(tests);
  }

  private static boolean isRunByJunit(JavaMethod method) {
    return method.isMetaAnnotatedWith(Testable.class) || isLifecycle(method);
  }

  private static boolean isLifecycle(JavaMethod method) {
    return method.isAnnotatedWith(BeforeAll.class)
        || method.isAnnotatedWith(BeforeEach.class)
        || method.isAnnotatedWith(AfterEach.class)
        || method.isAnnotatedWith(AfterAll.class);
  }

  private static boolean isMarked(JavaMethod method) {
    return method.getOwner().isAnnotatedWith(CallsPrograms.class)
        || (!isLifecycle(method) && method.isAnnotatedWith(CallsPrograms.class));
  }

  /** Returns whether a method calls a program, directly or through other methods of the tests. */
  private static boolean calls(JavaMember member, Set<JavaMember> visited) {
    if (!(member instanceof JavaCodeUnit unit)
        || unit.getOwner().getName().equals(CHILD_JVM)
        || !visited.add(unit)) {
      return false;
    }
    for (JavaAccess<?> access : unit.getAccessesFromSelf()) {
      if (access instanceof JavaCodeUnitAccess<?> call
          && (isCall(call)
              || call.getTarget().resolveMember().filter(m -> calls(m, visited)).isPresent())) {
        return true;
      }
    }
    return false;
  }

  private static boolean isCall(JavaCodeUnitAccess<?> access) {
    return access.getTargetOwner().getName().equals(PROGRAM) && CALLS.contains(access.getName());
  }
}
