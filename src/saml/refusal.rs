//! Every way in which a SAML message can be refused.

/// Writes the enum, the stable names and the sentences from one table.
macro_rules! refusals {
    ($($variant:ident $name:literal $sentence:literal,)*) => {
        /// Why a SAML message was refused.
        ///
        /// `Display` is one sentence for the operator; [`Refusal::name`] is the stable word for
        /// logs, metrics and `explain`. Neither holds anything that the message said.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum Refusal {
            $(
                #[doc = $sentence]
                #[error($sentence)]
                $variant,
            )*
        }

        impl Refusal {
            /// Every refusal, in the order in which the checks are made.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable, kebab-case name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

refusals! {
    // Transport (Bindings §3.4, §3.5).
    TooLarge "too-large" "the message is larger than this service provider reads",
    NotBase64 "not-base64" "the message is not base64",
    NotDeflate "not-deflate" "the message is not DEFLATE data of an acceptable size",
    ParameterMissing "parameter-missing" "a parameter of the binding is missing",
    ParameterDoubled "parameter-doubled" "a parameter of the binding appears twice, or under two spellings",
    ParameterMalformed "parameter-malformed" "a parameter of the binding is not well encoded",
    // XML 1.0 and Namespaces, narrowed.
    NotUtf8 "not-utf8" "the document is not UTF-8",
    Malformed "malformed" "the document is not well-formed XML 1.0 with namespaces",
    DocumentType "document-type" "the document has a DOCTYPE, a CDATA section, a comment or a processing instruction",
    TooDeep "too-deep" "the document is nested too deeply",
    TooManyAttributes "too-many-attributes" "an element has too many attributes or namespaces, or all of them declare too many",
    TooManyNames "too-many-names" "the document has too many different namespaces or IDs",
    TooManyNodes "too-many-nodes" "the document has too many nodes",
    IdDoubled "id-doubled" "two elements have the same ID, or an ID stands in a namespace or is no name",
    // Shape (Core §2, §3).
    WrongRoot "wrong-root" "the document element is not the expected SAML 2.0 message",
    UnexpectedContent "unexpected-content" "an element or text stands where the schema does not allow it, or something that it requires is missing",
    TimeMalformed "time-malformed" "a time is not an xs:dateTime with a time zone",
    AssertionMissing "assertion-missing" "the response holds no assertion",
    AssertionDoubled "assertion-doubled" "the response holds more than one assertion, or one in an unusual place",
    // What the identity provider answered (Core §3.2.2.2).
    StatusRequester "status-requester" "the identity provider says that the request was wrong",
    StatusResponder "status-responder" "the identity provider says that it failed",
    StatusVersion "status-version" "the identity provider does not speak this version of SAML",
    StatusAuthnFailed "status-authn-failed" "the identity provider says that the person could not be authenticated",
    StatusNoPassive "status-no-passive" "the identity provider cannot authenticate the person without asking them",
    StatusRequestDenied "status-request-denied" "the identity provider denied the request",
    StatusNameIdPolicy "status-name-id-policy" "the identity provider cannot give a name id of the requested format",
    StatusNoAuthnContext "status-no-authn-context" "the identity provider cannot meet the requested authentication context",
    StatusUnknownPrincipal "status-unknown-principal" "the identity provider does not know the person",
    StatusOther "status-other" "the identity provider answered with a status other than success",
    // XML signature, as SAML profiles it (Core §5.4).
    SignatureMissing "signature-missing" "a signature that is required is missing",
    SignatureMisplaced "signature-misplaced" "a signature stands in an unusual place, or there is one too many",
    SignatureShape "signature-shape" "the signature is not the one enveloped signature that SAML allows",
    SignatureAlgorithm "signature-algorithm" "the signature, digest, canonicalization or transform algorithm is not accepted",
    SignatureSha1 "signature-sha1" "the signature or its digest uses SHA-1",
    SignatureReference "signature-reference" "the signature refers to something other than the element that holds it",
    SignatureKey "signature-key" "no configured certificate has a key of the kind that the signature needs",
    SignatureInvalid "signature-invalid" "no configured certificate verifies the signature; has the identity provider changed its certificate",
    DigestMismatch "digest-mismatch" "the content is not what was signed",
    // XML encryption.
    EncryptionAlgorithm "encryption-algorithm" "the assertion is encrypted with an algorithm that is not accepted: AES-GCM is, and RSA-OAEP with the same hash for its digest and its mask",
    EncryptionUnauthenticated "encryption-unauthenticated" "the assertion is encrypted with AES-CBC, which is only accepted by opt-in and inside a signed response",
    Decryption "decryption" "the assertion cannot be decrypted",
    EncryptedNameId "encrypted-name-id" "the name id is encrypted, which is not supported",
    // The protocol (Core §2, §3; Profiles §4.1.4).
    MetadataExpired "metadata-expired" "the metadata of the identity provider is no longer valid",
    Version "version" "the message is not SAML version 2.0",
    IssueInstant "issue-instant" "the message was issued too long ago, or in the future",
    Destination "destination" "the message is addressed to another place",
    Issuer "issuer" "the message comes from another issuer than the configured identity provider",
    Unsolicited "unsolicited" "the response answers no request, and sign-ins that the identity provider begins are not allowed",
    InResponseTo "in-response-to" "the message does not answer the request that was sent",
    NameId "name-id" "the name id is missing, empty, too long, or holds surrounding space or control characters",
    NameIdFormat "name-id-format" "the name id is not of the requested format",
    Confirmation "confirmation" "the subject is not confirmed by exactly one bearer confirmation",
    Recipient "recipient" "the subject confirmation is meant for another recipient",
    ConfirmationExpired "confirmation-expired" "the subject confirmation has expired, is not valid yet, or does not say until when",
    ConditionsMissing "conditions-missing" "the assertion has no conditions",
    ConditionUnknown "condition-unknown" "the assertion has a condition that is not understood",
    Audience "audience" "the assertion is not meant for this service provider",
    NotYetValid "not-yet-valid" "the assertion is not valid yet; are the clocks right",
    Expired "expired" "the assertion has expired; are the clocks right",
    AuthnStatement "authn-statement" "the assertion does not say exactly once how the person was authenticated",
    AuthnInstant "authn-instant" "the authentication lies in the future, or longer ago than was asked for",
    AuthnContext "authn-context" "the person was not authenticated in the way that was asked for",
    SessionEnded "session-ended" "the session at the identity provider has already ended",
    NotOnOrAfter "not-on-or-after" "the logout request has expired",
    SecondOpinion "second-opinion" "samael and xmlsec1 do not read the message as this service provider does",
    Replayed "replayed" "the message was used before",
    ReplayCacheFull "replay-cache-full" "too many messages are remembered to tell whether this one was used before",
}

#[cfg(test)]
mod tests {
    use super::Refusal;
    use std::collections::HashSet;

    #[test]
    fn names_are_kebab_case_and_unique() {
        let names: HashSet<_> = Refusal::ALL.iter().map(|refusal| refusal.name()).collect();
        assert_eq!(names.len(), Refusal::ALL.len());
        for name in names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        }
    }

    #[test]
    fn a_sentence_is_lower_case_without_full_stop() {
        for refusal in Refusal::ALL {
            let sentence = refusal.to_string();
            assert!(sentence.starts_with(|c: char| c.is_ascii_lowercase()), "{sentence}");
            assert!(!sentence.ends_with('.'), "{sentence}");
        }
    }
}
