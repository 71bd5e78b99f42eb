//! Which role the claims of an ID token map to, and why.

use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::config::{EmailTrust, Oidc, OrganizationConfig, Provider, Saml, SamlSource};
use crate::oidc::believed_email;
use crate::policy::{Attribute, EmailAddress, Organization, Profile, Selected, SignIn, Subject};
use crate::saml::{NAME_ID, NAME_ID_FORMAT, NameId};
use crate::service_provider;

use super::report::Report;

/// Explains what an organization makes of claims, as if they had been verified; the sign-in that
/// they make, unless it would be refused.
pub(super) fn explain(
    organization: &OrganizationConfig,
    claims: &Map<String, Value>,
    now: SystemTime,
    report: &mut Report,
) -> Option<SignIn> {
    report.step("profile");
    report.row("organization", organization.policy.id.as_str());
    match &organization.provider {
        Provider::Oidc(oidc) => id_token(&organization.policy, oidc, claims, now, report),
        Provider::Saml(saml) => attributes(&organization.policy, saml, claims, now, report),
    }
}

/// What the attributes of an assertion make, with the name id under `name_id`.
fn attributes(
    policy: &Organization,
    saml: &Saml,
    claims: &Map<String, Value>,
    now: SystemTime,
    report: &mut Report,
) -> Option<SignIn> {
    let text = |name: &str| match claims.get(name) {
        Some(Value::Array(values)) => values.first().and_then(Value::as_str).map(str::to_owned),
        value => value.and_then(Value::as_str).map(str::to_owned),
    };
    let name_id = NameId {
        value: text(NAME_ID).unwrap_or_default(),
        format: text(NAME_ID_FORMAT),
        name_qualifier: None,
        sp_name_qualifier: None,
    };
    let issuer = match &saml.source {
        SamlSource::Fixed(identity_provider) => identity_provider.entity_id.clone(),
        SamlSource::Url { entity_id, url, .. } => entity_id.as_ref().unwrap_or(url).clone(),
    };
    let profile = match service_provider::profile(saml, &name_id, claims.clone(), &issuer) {
        Ok(profile) => profile,
        Err(error) => {
            report.row("refused", &error.to_string());
            report.outcome("refused", None, Some(&policy.id));
            return None;
        }
    };
    let from = saml.subject.as_ref().map_or(NAME_ID, Attribute::as_str);
    report.row("subject", &format!("{} (from {from})", profile.subject.as_str()));
    match &profile.email {
        Some(email) => report.row(
            "e-mail",
            &format!("{email} is believed: the organization's own directory says so"),
        ),
        None => report.row("e-mail", "there is no attribute with exactly one address"),
    }
    mapping(policy, &profile.claims, report);
    member(policy, profile, false, now, report)
}

/// What the claims of an ID token make.
fn id_token(
    policy: &Organization,
    oidc: &Oidc,
    claims: &Map<String, Value>,
    now: SystemTime,
    report: &mut Report,
) -> Option<SignIn> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);

    let mut doubts = Vec::new();
    if let Some(issuer) = text("iss").filter(|issuer| !oidc.issuer.matches(issuer)) {
        doubts.push(format!("iss is {issuer:?} and not {:?}", oidc.issuer.as_str()));
    }
    let for_us = match claims.get("aud") {
        Some(Value::String(audience)) => *audience == oidc.client_id,
        Some(Value::Array(audiences)) => {
            audiences.iter().any(|audience| audience.as_str() == Some(&oidc.client_id))
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => false,
        None => true,
    };
    if !for_us {
        doubts.push(format!("aud does not name {:?}", oidc.client_id));
    }
    for (name, wanted) in &oidc.required_claims {
        let holds = match claims.get(name) {
            Some(Value::String(text)) => text == wanted,
            Some(Value::Bool(flag)) => flag.to_string() == *wanted,
            Some(Value::Number(number)) => number.to_string() == *wanted,
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => false,
        };
        if !holds {
            doubts.push(format!("{name} is not {wanted:?}, which is required"));
        }
    }
    for doubt in &doubts {
        report.row("refused", doubt);
    }

    let subject = text(&oidc.subject_claim).and_then(|subject| Subject::parse(subject).ok());
    match &subject {
        Some(subject) => {
            report.row("subject", &format!("{} (from {})", subject.as_str(), oidc.subject_claim))
        }
        None => report.row("refused", &format!("there is no usable {:?}", oidc.subject_claim)),
    }
    let email = email(oidc, claims, report);
    mapping(policy, claims, report);
    let profile = Profile {
        issuer: oidc.issuer.as_str().into(),
        subject: subject?,
        email,
        name: text("name").map(ToOwned::to_owned),
        claims: claims.clone(),
    };
    member(policy, profile, !doubts.is_empty(), now, report)
}

/// What the role mapping finds.
fn mapping(policy: &Organization, claims: &Map<String, Value>, report: &mut Report) {
    let mapping = &policy.role_mapping;
    let selected = mapping.attribute.select(claims);
    match &selected {
        Selected::Missing => {
            report.row("attribute", &format!("{} is not there", mapping.attribute.as_str()))
        }
        Selected::Values(values) => {
            let shown = if values.is_empty() { "nothing".to_owned() } else { values.join(", ") };
            report.row("attribute", &format!("{} holds {shown}", mapping.attribute.as_str()));
            for (role, names) in mapping.roles.iter().rev() {
                let hits: Vec<&str> =
                    names.iter().filter(|name| values.contains(name)).map(String::as_str).collect();
                if !hits.is_empty() {
                    report.row("maps to", &format!("{role}, by {}", hits.join(", ")));
                }
            }
        }
    }
}

/// The sign-in that a profile makes.
fn member(
    policy: &Organization,
    profile: Profile,
    doubted: bool,
    now: SystemTime,
    report: &mut Report,
) -> Option<SignIn> {
    let membership = match policy.membership(&profile) {
        Ok(membership) => membership,
        Err(reason) => {
            report.row("refused", &format!("{reason}: {}", reason.sentence()));
            report.outcome("refused", Some(reason), Some(&policy.id));
            return None;
        }
    };
    let how = if membership.mapped { "" } else { ", the default: no mapping matches" };
    report.row("role", &format!("{}{how}", membership.role));
    if doubted {
        report.outcome("refused", None, Some(&policy.id));
        return None;
    }
    report.outcome("member", None, Some(&policy.id));
    Some(SignIn {
        organization: policy.id.clone(),
        issuer: profile.issuer,
        subject: profile.subject,
        email: profile.email.as_ref().map(|email| email.as_str().into()),
        name: profile.name.as_deref().map(Into::into),
        groups: membership.groups.into(),
        role: membership.role,
        idp_session: None,
        idp_name: None,
        signed_in_at: now,
        expires_at: now + policy.session_timeout,
        ended: None,
    })
}

/// The address, if it is believed.
fn email(oidc: &Oidc, claims: &Map<String, Value>, report: &mut Report) -> Option<EmailAddress> {
    let name = oidc.email_claim.as_str();
    let Some(text) = claims.get(name).and_then(Value::as_str) else {
        report.row("e-mail", &format!("there is no {name:?}"));
        return None;
    };
    let believed = believed_email(oidc, claims);
    let why = match (oidc.email_trust, &believed) {
        _ if EmailAddress::parse(text).is_none() => "it has no one reading as an address",
        (EmailTrust::Never, _) => "email_trust is never",
        (EmailTrust::Always, _) => "email_trust is always",
        (EmailTrust::IfVerified, Some(_)) => "the provider says that it is verified",
        (EmailTrust::IfVerified, None) => "the provider does not say that it is verified",
    };
    let word = if believed.is_some() { "believed" } else { "not believed" };
    report.row("e-mail", &format!("{text} is {word}: {why}"));
    believed
}
