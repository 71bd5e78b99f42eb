//! The keys of an organization.

use super::Kind::{List, Names, Section, Sections, Text, Value};
use super::{Key, Kind, key};

/// `[[organization]]`
pub(in crate::config) const ORGANIZATION: &[Key] = &[
    key("id", Text),
    key("namespaces", List),
    key("display_name", Text),
    key("enforcement", Text),
    key("email_domains", List),
    key("public", List),
    key("default_role", Text),
    key("session_timeout", Text),
    key("external_collaborators", List),
    key("members", Text),
    key("link_by", Text),
    key("tokens", Text),
    key("recovery_codes", List),
    key("role_mapping", Section(ROLE_MAPPING)),
    key("service_account", Sections(SERVICE_ACCOUNT)),
    key("oidc", Section(OIDC)),
    key("saml", Section(SAML)),
    key("workload", Sections(WORKLOAD)),
];

/// `[[organization.service_account]]`
pub(in crate::config) const SERVICE_ACCOUNT: &[Key] = &[
    key("name", Text),
    key("hash", Text),
    key("role", Text),
    key("expires", Text),
    key("networks", List),
];

/// `[[organization.workload]]`
pub(in crate::config) const WORKLOAD: &[Key] = &[
    key("name", Text),
    key("issuer", Text),
    key("jwks_url", Text),
    key("audience", Text),
    key("claims", Names(&Text)),
    key("role", Text),
    key("algorithms", List),
    key("max_lifetime", Text),
    key("ca_certificates", List),
];

/// `[organization.role_mapping]`
pub(in crate::config) const ROLE_MAPPING: &[Key] =
    &[key("attribute", Text), key("roles", Section(ROLES)), key("missing", Text)];

/// `organization.role_mapping.roles`: the names of [`crate::policy::Role`].
pub(in crate::config) const ROLES: &[Key] =
    &[key("admin", List), key("write", List), key("contributor", List), key("read", List)];

/// `[organization.oidc]`
pub(in crate::config) const OIDC: &[Key] = &[
    key("provider", Text),
    key("issuer", Text),
    key("discovery_url", Text),
    key("tenants", List),
    key("client_id", Text),
    key("client_auth", Text),
    key("client_secret", Kind::Secret),
    key("private_key", Kind::Secret),
    key("key_id", Text),
    key("certificate", Text),
    key("assertion_audience", Text),
    key("callback_path", Text),
    key("scopes", List),
    key("algorithms", List),
    key("response_mode", Text),
    key("extra_parameters", Names(&Text)),
    key("userinfo", Text),
    key("subject_claim", Text),
    key("email_claim", Text),
    key("email_trust", Text),
    key("required_claims", Names(&Text)),
    key("require_iss_parameter", Value),
    key("group_overage", Text),
    key("pushed_requests", Value),
    key("acr_values", List),
    key("max_age", Text),
    key("ca_certificates", List),
];

/// `[organization.saml]`
pub(in crate::config) const SAML: &[Key] = &[
    key("provider", Text),
    key("metadata", Section(SAML_METADATA)),
    key("sign_on_url", Text),
    key("sign_on_binding", Text),
    key("entity_id", Text),
    key("certificates", List),
    key("logout_url", Text),
    key("sign_requests", Value),
    key("signing_keys", Value),
    key("decryption_keys", Value),
    key("signatures", Text),
    key("idp_initiated", Value),
    key("force_authn", Value),
    key("is_passive", Value),
    key("requested_authn_context", List),
    key("name_id_format", Text),
    key("subject", Text),
    key("email_attribute", Text),
    key("name_attribute", Text),
    key("groups_attribute", Text),
    key("sp_entity_id", Text),
    key("acs_path", Text),
    key("clock_skew", Text),
    key("insecure_sha1", Value),
    key("insecure_aes_cbc", Value),
    key("insecure_unsigned_logout_responses", Value),
    key("ca_certificates", List),
];

/// `organization.saml.metadata`
pub(in crate::config) const SAML_METADATA: &[Key] =
    &[key("url", Text), key("file", Text), key("refresh", Text)];
