package dev.jev.websocket;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaModifier.PUBLIC;
import static com.tngtech.archunit.core.domain.properties.HasModifiers.Predicates.modifier;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.jev.NativeImageRules;
import dev.jev.ProgramRules;
import org.junit.jupiter.api.Test;

class WebSocketArchitectureTest {

  private static final JavaClasses WEB_SOCKET =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.jev.websocket");

  @Test
  void webSocketSeesOnlyPublicCoreAndNettysBuffersAndHttp() {
    classes()
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(
                    "dev.jev.websocket", "io.netty..", "java..", "javax.net.ssl", "org.jspecify..")
                .or(resideInAnyPackage("dev.jev", "dev.jev.plugin").and(modifier(PUBLIC))))
        .check(WEB_SOCKET);
  }

  @Test
  void onlyTheHandshakeKnowsHttp() {
    noClasses()
        .that()
        .haveSimpleNameContaining("Frame")
        .or()
        .haveSimpleNameStartingWith("Message")
        .or()
        .haveSimpleNameStartingWith("WebSocketMessage")
        .should()
        .dependOnClassesThat(resideInAPackage("io.netty.handler.."))
        .check(WEB_SOCKET);
  }

  @Test
  void testsStartProcessesWithProgram() {
    ProgramRules.check("dev.jev.websocket");
  }

  @Test
  void nativeImageMetadataIsComplete() throws Exception {
    NativeImageRules.check(
        "dev.jev.websocket", "toolkit-websocket", "dev.jev.websocket.ClassPathDirectory");
  }
}
