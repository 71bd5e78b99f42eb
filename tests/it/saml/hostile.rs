//! Documents of 256 KiB that want to be expensive, and what each of them is refused for.
//!
//! Nobody has signed them: whoever can reach the assertion consumer service can send them.

use hubgate::saml::Refusal;

const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The largest document that is read at all.
const BYTES: usize = 256 * 1024;

/// A response with `content` behind its status.
fn response(content: &str) -> String {
    format!(
        "<samlp:Response xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" xmlns:ds=\"{DS}\" \
         ID=\"_r\" Version=\"2.0\" IssueInstant=\"2026-07-03T12:00:00Z\">\
         <saml:Issuer>https://idp.example/metadata</saml:Issuer><samlp:Status><samlp:StatusCode \
         Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>{content}\
         </samlp:Response>"
    )
}

/// A response whose assertion has a signature with this in it, and `more` behind the subject.
fn signed(signature: &str, more: &str) -> String {
    response(&format!(
        "<saml:Assertion ID=\"_a\" Version=\"2.0\" IssueInstant=\"2026-07-03T12:00:00Z\">\
         <saml:Issuer>https://idp.example/metadata</saml:Issuer><ds:Signature>{signature}\
         </ds:Signature><saml:Subject><saml:NameID>admin</saml:NameID></saml:Subject>{more}\
         </saml:Assertion>"
    ))
}

/// A signature of the right shape that no key made.
fn forged(canonicalization: &str) -> String {
    format!(
        "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{EXC_C14N}\">{canonicalization}\
         </ds:CanonicalizationMethod><ds:SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"/><ds:Reference \
         URI=\"#_a\"><ds:Transforms><ds:Transform \
         Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/><ds:Transform \
         Algorithm=\"{EXC_C14N}\"/></ds:Transforms><ds:DigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>AAAA\
         </ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>{}\
         </ds:SignatureValue>",
        "A".repeat(86) + "==",
    )
}

/// A signature whose `SignedInfo` holds `content` behind its canonicalization method.
fn signed_info(declarations: &str, canonicalization: &str, content: &str) -> String {
    format!(
        "<ds:SignedInfo{declarations}><ds:CanonicalizationMethod Algorithm=\"{EXC_C14N}\">\
         {canonicalization}</ds:CanonicalizationMethod>{content}</ds:SignedInfo>\
         <ds:SignatureValue>AAAA</ds:SignatureValue>"
    )
}

fn prefix_list(prefixes: &str) -> String {
    format!("<i:InclusiveNamespaces xmlns:i=\"{EXC_C14N}\" PrefixList=\"{prefixes}\"/>")
}

/// `piece` over and over, as often as fits beside what stands around it.
fn filled(piece: &str) -> String {
    piece.repeat((BYTES - 8 * 1024) / piece.len())
}

/// The same with a number in the place of `#`, `count` times.
fn numbered(piece: &str, count: usize) -> String {
    (0..count).map(|number| piece.replace('#', &number.to_string())).collect()
}

fn attribute(value: &str) -> String {
    format!(
        "<saml:AttributeStatement><saml:Attribute Name=\"x\"><saml:AttributeValue>{value}\
         </saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
    )
}

/// Every document with its name and what it is refused for.
pub(crate) fn documents() -> Vec<(&'static str, String, Refusal)> {
    let long = "x".repeat(100_000);
    let declared = numbered(" xmlns:n#=\"urn:n#\"", 30);
    let scope = format!("<x{declared}><y{}>", declared.replace(":n", ":m"));
    let alike = "x".repeat(80);
    let (half, fitting) = (&long[..50_000], &long[..3_000]);
    let in_namespace = format!("<z{}/>", numbered(" n:a#=\"\"", 31));
    let in_two_namespaces =
        format!("<z{}{}/>", numbered(" n:a#=\"\"", 15), numbered(" m:a#=\"\"", 15));
    let in_prefixes = format!("<z{}{}/>", numbered(" n:a#=\"\"", 15), numbered(" m:b#=\"\"", 15));
    let encrypted = |keys: &str, value: &str| {
        let xenc = "http://www.w3.org/2001/04/xmlenc#";
        response(&format!(
            "<saml:EncryptedAssertion><e:EncryptedData xmlns:e=\"{xenc}\"><e:EncryptionMethod \
             Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"/><ds:KeyInfo>{keys}\
             </ds:KeyInfo><e:CipherData><e:CipherValue>{value}</e:CipherValue></e:CipherData>\
             </e:EncryptedData></saml:EncryptedAssertion>"
        ))
    };
    let wrapped = "<e:EncryptedKey><e:EncryptionMethod \
        Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\"/><e:CipherData>\
        <e:CipherValue>AAAA</e:CipherValue></e:CipherData></e:EncryptedKey>";
    // 256 octets, and less than any modulus of 2048 bits.
    let key = format!("{}==", "A".repeat(342));
    let transform = format!("<ds:Transform Algorithm=\"{EXC_C14N}\"/>");
    vec![
        ("no XML at all", filled("x"), Refusal::Malformed),
        ("nothing but space", filled(" "), Refusal::Malformed),
        ("one tag that never ends", format!("<a {}", filled("x")), Refusal::Malformed),
        ("elements in elements", response(&filled("<x>")), Refusal::TooDeep),
        ("elements beside elements", response(&filled("<x/>")), Refusal::TooManyNodes),
        (
            "attributes of one element",
            response(&format!("<x{}/>", numbered(" a#=\"\"", 25_000))),
            Refusal::TooManyAttributes,
        ),
        (
            "attributes of many elements",
            response(&format!("<x{}/>", numbered(" a#=\"\"", 31)).repeat(800)),
            Refusal::TooManyNodes,
        ),
        (
            "namespaces of one element",
            response(&format!("<x{}/>", numbered(" xmlns:a#=\"urn:a\"", 12_000))),
            Refusal::TooManyAttributes,
        ),
        (
            "namespaces of nested elements",
            response(&filled(&format!("<x{declared}>"))),
            Refusal::TooManyAttributes,
        ),
        (
            "namespaces of many elements",
            response(&format!("<x{declared}/>").repeat(130)),
            Refusal::UnexpectedContent,
        ),
        (
            "prefixes that are found at the far end of the scope",
            response(&format!("{scope}{}</y></x>", "<n0:z n1:a=\"\"/>".repeat(8_000))),
            Refusal::UnexpectedContent,
        ),
        (
            "prefixes at the far end that differ in their last letter",
            response(&format!(
                "{}{}</y></x>",
                scope.replace(":n", &format!(":{alike}n")).replace(":m", &format!(":{alike}m")),
                format!("<{alike}n0:z {alike}n1:a=\"\"/>").repeat(1_300)
            )),
            Refusal::UnexpectedContent,
        ),
        (
            "prefixes that are declared anew within",
            response(&format!("<x{declared}><y{declared}><n0:z n1:a=\"\"/></y></x>").repeat(66)),
            Refusal::UnexpectedContent,
        ),
        (
            "a default namespace that comes and goes",
            response(&"<x xmlns=\"urn:y\"><y xmlns=\"\"/></x>".repeat(2_000)),
            Refusal::UnexpectedContent,
        ),
        (
            "prefixes that nobody has seen before",
            response(&numbered("<x xmlns:a#=\"urn:a\"/>", 4_000)),
            Refusal::UnexpectedContent,
        ),
        (
            "namespaces that nobody has seen before",
            response(&numbered("<x xmlns=\"urn:#\"/>", 8_000)),
            Refusal::TooManyNames,
        ),
        (
            "as many prefixes and namespaces as there may be, over and over",
            response(&numbered("<x xmlns:a#=\"urn:#\"/>", 200).repeat(20)),
            Refusal::UnexpectedContent,
        ),
        (
            "attributes in one long namespace",
            response(&format!("<x xmlns:n=\"urn:{long}\">{}</x>", in_namespace.repeat(260))),
            Refusal::UnexpectedContent,
        ),
        (
            "attributes in two namespaces that differ in their last letter",
            response(&format!(
                "<x xmlns:n=\"urn:{half}n\" xmlns:m=\"urn:{half}m\">{}</x>",
                in_two_namespaces.repeat(270)
            )),
            Refusal::UnexpectedContent,
        ),
        (
            "attributes of two prefixes in one long namespace",
            response(&format!(
                "<x xmlns:n=\"urn:{half}\" xmlns:m=\"urn:{half}\">{}</x>",
                in_prefixes.repeat(270)
            )),
            Refusal::UnexpectedContent,
        ),
        (
            "attributes in a long namespace, nested in what a signature covers",
            signed(
                &signed_info(
                    &format!(" xmlns:n=\"urn:{half}n\" xmlns:m=\"urn:{half}m\""),
                    "",
                    &format!(
                        "{}{}",
                        in_two_namespaces.replace("/>", ">").repeat(55),
                        "</z>".repeat(55)
                    ),
                ),
                "",
            ),
            Refusal::TooLarge,
        ),
        (
            "attributes in namespaces that fit into what a signature covers",
            signed(
                &signed_info(
                    &format!(" xmlns:n=\"urn:{fitting}n\" xmlns:m=\"urn:{fitting}m\""),
                    "",
                    &in_two_namespaces.repeat(260),
                ),
                "",
            ),
            Refusal::TooLarge,
        ),
        (
            "one attribute each",
            response(&numbered("<x a=\"_#\"/>", 8_000)),
            Refusal::UnexpectedContent,
        ),
        ("ids", response(&numbered("<x ID=\"_#\"/>", 8_000)), Refusal::TooManyNames),
        ("text", signed(&forged(""), &attribute(&filled("x"))), Refusal::SignatureInvalid),
        (
            "text of two bytes a letter",
            signed(&forged(""), &attribute(&filled("\u{e9}"))),
            Refusal::SignatureInvalid,
        ),
        (
            "references",
            signed(&forged(""), &attribute(&filled("&amp;"))),
            Refusal::SignatureInvalid,
        ),
        (
            "references that never end",
            signed(&forged(""), &attribute(&filled("&"))),
            Refusal::Malformed,
        ),
        ("line ends", signed(&forged(""), &attribute(&filled("\r\n"))), Refusal::SignatureInvalid),
        (
            "text between elements",
            signed(&forged(""), &attribute(&filled("x<y/>"))),
            Refusal::TooManyNodes,
        ),
        ("assertions", response(&"<saml:Assertion/>".repeat(8_000)), Refusal::AssertionDoubled),
        ("signatures", signed("", &filled("<ds:Signature/>")), Refusal::TooManyNodes),
        (
            "a signature value",
            signed(&forged("").replace("AAAAAAAA", &"A".repeat(200_000 / 10)), ""),
            Refusal::SignatureShape,
        ),
        (
            "prefixes that the canonical form must look up at every element",
            signed(&signed_info("", &prefix_list(&"a ".repeat(90_000)), &"<x/>".repeat(8_000)), ""),
            Refusal::TooLarge,
        ),
        (
            "prefixes of the scope in a list that is just short enough",
            signed(
                &signed_info(
                    &declared,
                    &prefix_list(&numbered("n# ", 32)),
                    &"<x xmlns=\"urn:y\"><y xmlns=\"\"/></x>".repeat(2_000),
                ),
                "",
            ),
            Refusal::TooLarge,
        ),
        (
            "a namespace that the canonical form repeats at every element",
            signed(
                &signed_info(&format!(" xmlns:n=\"urn:{long}\""), "", &"<n:x/>".repeat(8_000)),
                "",
            ),
            Refusal::TooLarge,
        ),
        (
            "text that is longer in the canonical form",
            signed(&signed_info("", "", &format!("<x>{}</x>", filled(">"))), ""),
            Refusal::TooLarge,
        ),
        (
            "elements that are longer in the canonical form",
            signed(&signed_info("", "", &"<longer-in-its-canonical-form/>".repeat(8_000)), ""),
            Refusal::TooLarge,
        ),
        (
            "references of a signature",
            signed(&signed_info("", "", &"<ds:Reference URI=\"#_a\"/>".repeat(8_000)), ""),
            Refusal::TooLarge,
        ),
        (
            "transforms",
            signed(
                &forged("").replacen(
                    "<ds:Transforms>",
                    &format!("<ds:Transforms>{}", transform.repeat(2_500)),
                    1,
                ),
                "",
            ),
            Refusal::TooLarge,
        ),
        (
            "signatures in one element, as many as there may be nodes",
            signed(&forged(""), &"<ds:Signature/>".repeat(8_000)),
            Refusal::SignatureMisplaced,
        ),
        (
            "certificates",
            signed(
                &format!(
                    "{}<ds:KeyInfo>{}</ds:KeyInfo>",
                    forged(""),
                    format!(
                        "<ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>",
                        "A".repeat(1_000)
                    )
                    .repeat(220)
                ),
                "",
            ),
            Refusal::SignatureInvalid,
        ),
        (
            "entities that stand for entities",
            format!(
                "<!DOCTYPE x [{}]>{}",
                numbered("<!ENTITY e# \"&e0;&e0;&e0;&e0;&e0;&e0;&e0;&e0;&e0;&e0;\">", 3_500),
                response(&attribute("&e3499;"))
            ),
            Refusal::DocumentType,
        ),
        (
            "a comment",
            signed(&forged(""), &attribute(&format!("<!--{}-->", filled("x")))),
            Refusal::DocumentType,
        ),
        ("comments", signed(&forged(""), &attribute(&filled("<!-- -->"))), Refusal::DocumentType),
        (
            "a character section",
            signed(&forged(""), &attribute(&format!("<![CDATA[{}]]>", filled("x")))),
            Refusal::DocumentType,
        ),
        ("wrapped keys", encrypted(&wrapped.repeat(1_000), "AAAA"), Refusal::UnexpectedContent),
        (
            "as many wrapped keys as are tried, each as long as it must be",
            encrypted(&wrapped.replace("AAAA", &key).repeat(2), &filled("AAAA")),
            Refusal::Decryption,
        ),
        ("ciphertext", encrypted(wrapped, &filled("AAAA")), Refusal::Decryption),
    ]
}
