package dev.jev.redis;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaModifier.PUBLIC;
import static com.tngtech.archunit.core.domain.properties.HasModifiers.Predicates.modifier;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.jev.ProgramRules;
import org.junit.jupiter.api.Test;

class RedisArchitectureTest {

  @Test
  void engineSeesOnlyPublicTypesOfNodes() {
    classes()
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage("dev.jev.redis", "io.lettuce..", "java..", "org.jspecify..")
                .or(resideInAnyPackage("dev.jev.nodes").and(modifier(PUBLIC))))
        .check(
            new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("dev.jev.redis"));
  }

  @Test
  void testsStartProcessesWithProgram() {
    ProgramRules.check("dev.jev.redis");
  }
}
