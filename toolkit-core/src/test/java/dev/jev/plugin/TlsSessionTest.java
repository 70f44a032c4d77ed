package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The names in the certificate of a peer. */
class TlsSessionTest {

  private static TlsSession session(CertificateBuilder certificate) throws Exception {
    X509Bundle bundle = certificate.ecp256().setIsCertificateAuthority(true).buildSelfSigned();
    return new TlsSession("TLSv1.3", "any", null, null, List.of(bundle.getCertificate()));
  }

  private static String commonName(String subject) throws Exception {
    return session(new CertificateBuilder().subject(subject)).peerCommonName();
  }

  @Test
  void commonNameIsThatOfTheSubject() throws Exception {
    assertThat(commonName("CN=ann, OU=shop, O=Example, C=DE")).isEqualTo("ann");
    assertThat(commonName("C=DE, O=Example, CN=ann")).isEqualTo("ann");
    assertThat(commonName("O=Example")).isNull();
  }

  /** A search for "CN=" in the subject would find what the holder has written elsewhere. */
  @Test
  void commonNameIsNotAPartOfAnotherAttribute() throws Exception {
    assertThat(commonName("CN=eve, O=\"x, CN=root\"")).isEqualTo("eve");
    assertThat(commonName("O=\"CN=root\"")).isNull();
    assertThat(commonName("CN=\"ann, of the shop\", O=Example")).isEqualTo("ann, of the shop");
    assertThat(commonName("CN=j\u00fcrgen+OU=shop")).isEqualTo("j\u00fcrgen");
  }

  @Test
  void mostSpecificOfSeveralCommonNamesIsReturned() throws Exception {
    assertThat(commonName("CN=ann, CN=users, DC=example")).isEqualTo("ann");
  }

  @Test
  void alternativeNamesHaveTheirKind() throws Exception {
    TlsSession session =
        session(
            new CertificateBuilder()
                .subject("CN=orders")
                .addSanDnsName("www.example.com")
                .addSanIpAddress("192.0.2.1")
                .addSanUriName("spiffe://example.com/orders")
                .addSanRfc822Name("ann@example.com")
                .addSanDirectoryName("CN=other"));
    assertThat(session.peerAlternativeNames())
        .containsExactlyInAnyOrder(
            "DNS:www.example.com",
            "IP:192.0.2.1",
            "URI:spiffe://example.com/orders",
            "email:ann@example.com");
  }

  @Test
  void certificateMayHaveNoAlternativeNames() throws Exception {
    assertThat(session(new CertificateBuilder().subject("CN=ann")).peerAlternativeNames())
        .isEmpty();
  }
}
