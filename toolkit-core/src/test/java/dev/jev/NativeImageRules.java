package dev.jev;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaModifier.ABSTRACT;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.netty.channel.ChannelHandler;
import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Executable;
import java.lang.reflect.Proxy;
import java.util.ResourceBundle;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * The rules for what a GraalVM native image cannot find by itself: classes that are used by
 * reflection, and resources. The architecture test of each module checks them.
 */
public final class NativeImageRules {

  private static final Pattern NAME = Pattern.compile("\"name\": \"([^\"]+)\"");

  private NativeImageRules() {}

  /**
   * Checks the classes of a package and its subpackages.
   *
   * @param artifact the artifact whose metadata lists the channel handlers
   * @param readers the names of the classes that read resources; no class uses reflection
   */
  public static void check(String packageName, String artifact, String... readers)
      throws IOException {
    JavaClasses classes =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(packageName);
    noClasses()
        .should()
        .callMethodWhere(describe("use reflection", NativeImageRules::isReflection))
        .because("a native image finds no class, method or field by its name")
        .check(classes);
    noClasses()
        .that(not(nameMatching(String.join("|", readers))))
        .should()
        .callMethodWhere(describe("read resources", NativeImageRules::readsResource))
        .because("a native image has only the resources that its metadata lists")
        .check(classes);
    assertThat(listed(artifact)).isEqualTo(handlers(classes));
  }

  private static boolean isReflection(JavaMethodCall call) {
    JavaClass owner = call.getTargetOwner();
    String name = call.getName();
    return (owner.isEquivalentTo(Class.class)
            && (name.equals("forName")
                || name.matches("get(Declared)?(Method|Field|Constructor).*")))
        || (owner.isEquivalentTo(ClassLoader.class) && name.equals("loadClass"))
        || (owner.isEquivalentTo(MethodHandles.Lookup.class) && name.matches("find.*|unreflect.*"))
        || owner.isAssignableTo(Executable.class)
        || owner.isEquivalentTo(Proxy.class)
        || owner.isEquivalentTo(ServiceLoader.class);
  }

  private static boolean readsResource(JavaMethodCall call) {
    JavaClass owner = call.getTargetOwner();
    return ((owner.isAssignableTo(ClassLoader.class)
                || owner.isEquivalentTo(Module.class)
                || owner.isEquivalentTo(Class.class))
            && call.getName().matches("get(System)?Resource.*"))
        || owner.isAssignableTo(ResourceBundle.class);
  }

  /**
   * Returns the names of the handlers, whose methods Netty looks up to skip those not overridden.
   */
  private static Set<String> handlers(JavaClasses classes) {
    Set<String> names = new TreeSet<>();
    for (JavaClass type : classes) {
      if (type.isAssignableTo(ChannelHandler.class)
          && !type.isInterface()
          && !type.getModifiers().contains(ABSTRACT)) {
        names.add(type.getName());
      }
    }
    return names;
  }

  private static Set<String> listed(String artifact) throws IOException {
    String path = "META-INF/native-image/dev.jev/" + artifact + "/reflect-config.json";
    Set<String> names = new TreeSet<>();
    try (InputStream file = NativeImageRules.class.getClassLoader().getResourceAsStream(path)) {
      if (file != null) { // a module without handlers has none
        NAME.matcher(new String(file.readAllBytes(), UTF_8))
            .results()
            .forEach(match -> names.add(match.group(1)));
      }
    }
    return names;
  }
}
