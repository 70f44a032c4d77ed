package dev.jev.site;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checks the links of all documents of this repository, and that docs/README.md has all pages. */
class DocumentsTest {

  static final Path REPOSITORY = Path.of("..").toAbsolutePath().normalize();

  @TempDir Path root;

  private void file(String path, String text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.resolveSibling(""));
    Files.writeString(file, text);
  }

  @Test
  void documentsOfThisRepositoryHaveNoBrokenLink() throws IOException {
    Documents documents = new Documents(REPOSITORY);
    assertThat(documents.pages()).hasSizeGreaterThan(30);
    assertThat(documents.pages().stream().flatMap(page -> page.destinations().stream()))
        .hasSizeGreaterThan(100);
    assertThat(documents.faults()).isEmpty();
  }

  @Test
  void indexHasTheDocumentsOutsideOfItsFolder() throws IOException {
    assertThat(new Documents(REPOSITORY).index().entries())
        .extracting(Index.Entry::path)
        .contains(
            "README.md",
            "ARCHITECTURE.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "benchmarks/RESULTS.md",
            "benchmarks/TORTURE.md");
  }

  @Test
  void everyEntryOfTheIndexHasTheTitleOfItsPageAndASummary() throws IOException {
    Documents documents = new Documents(REPOSITORY);
    for (Index.Entry entry : documents.index().entries()) {
      assertThat(documents.page(entry.path())).get().returns(entry.title(), Page::title);
      assertThat(entry.summary()).as(entry.path()).endsWith(".").hasSizeBetween(20, 150);
    }
  }

  @Test
  void linksToFilesFoldersPagesAndAnchorsAreFollowed() throws IOException {
    file("docs/README.md", "# D\n\n## Begin\n\n* [One](one.md): the first.\n");
    file(
        "docs/one.md",
        "# One\n\n[f](../src/A.java) [d](../src) [r](../README.md#the-end) [s](#b)\n\n## B\n");
    file("src/A.java", "class A {}\n");
    file(
        "README.md",
        "# R\n\n[x](https://example.org/none) [y](mailto:a@example.org)\n\n## The `end`\n");
    assertThat(new Documents(root).faults()).isEmpty();
  }

  @Test
  void missingFileIsAFault() throws IOException {
    file("A.md", "# A\n\n| t |\n|---|\n| see [B](b/B.md) |\n\n![p](p.svg)\n");
    assertThat(new Documents(root).faults())
        .containsExactly("A.md: broken link: b/B.md", "A.md: broken link: p.svg");
  }

  @Test
  void missingAnchorIsAFault() throws IOException {
    file("A.md", "# A\n\n[own](#nothing) [other](B.md#nothing) [code](c.txt#L1)\n");
    file("B.md", "# B\n\n```sh\n# nothing\n```\n");
    file("c.txt", "");
    assertThat(new Documents(root).faults())
        .containsExactly(
            "A.md: broken link: #nothing",
            "A.md: broken link: B.md#nothing",
            "A.md: broken link: c.txt#L1");
  }

  @Test
  void fileOutsideOfTheRepositoryIsAFault() throws IOException {
    file("in/A.md", "# A\n\n[out](../B.md)\n");
    file("B.md", "# B\n");
    assertThat(new Documents(root.resolve("in")).faults())
        .containsExactly("A.md: broken link: ../B.md");
  }

  @Test
  void linkInCodeIsNone() throws IOException {
    file("A.md", "# A\n\n`[b](b.md)`\n\n```\n[b](b.md)\n```\n");
    assertThat(new Documents(root).faults()).isEmpty();
  }

  @Test
  void pageThatTheIndexLacksOrHasTwiceIsAFault() throws IOException {
    file("docs/README.md", "# D\n\n## Begin\n\n* [One](one.md): 1.\n* [One](one.md): 1.\n");
    file("docs/one.md", "# One\n\n[two](two.md)\n");
    file("docs/two.md", "# Two\n");
    assertThat(new Documents(root).faults())
        .containsExactly(
            "docs/README.md: no entry for docs/two.md",
            "docs/README.md: two entries for docs/one.md");
  }

  @Test
  void equalHeadingsHaveTheAnchorsOfGitHub() {
    Page page = Page.of("A.md", "# A\n\n## `AUTO` does not, io_uring!\n\n## A\n\n## A\n");
    assertThat(page.headings())
        .extracting(Page.Anchor::id)
        .containsExactly("a", "auto-does-not-io_uring", "a-1", "a-2");
  }
}
