//! Reading an identity provider's metadata (Metadata §2).

use std::time::SystemTime;

use super::{Binding, Endpoint, IdentityProvider, MetadataError, Warning};
use crate::saml::Refusal;
use crate::saml::certificate::Certificate;
use crate::saml::instant;
use crate::saml::limits::METADATA;
use crate::saml::names::{DS, MD, SAMLP};
use crate::saml::xml::{Document, Element};

/// An entity descriptor, and until when what encloses it may be used.
struct Found<'d> {
    entity: Element<'d>,
    valid_until: Option<SystemTime>,
}

pub(super) fn parse(
    xml: &str,
    entity_id: Option<&str>,
    now: SystemTime,
) -> Result<IdentityProvider, MetadataError> {
    let document = Document::parse(xml, &METADATA).map_err(MetadataError::Malformed)?;
    let root = document.root().map_err(MetadataError::Malformed)?;
    if !root.is(MD, "EntityDescriptor") && !root.is(MD, "EntitiesDescriptor") {
        return Err(MetadataError::WrongRoot);
    }
    let mut found = Vec::new();
    collect(root, None, &mut found).map_err(MetadataError::Malformed)?;
    found.retain(|found| {
        let named = found.entity.attribute("entityID");
        entity_id.is_none_or(|wanted| named == Some(wanted)) && role_of(found.entity).is_some()
    });
    match found.as_slice() {
        [] => Err(MetadataError::NoIdentityProvider),
        [found] => describe(found, now),
        [_, ..] => Err(MetadataError::SeveralIdentityProviders),
    }
}

/// Entities of entities, as aggregates nest them (Metadata §2.3.1).
fn collect<'d>(
    element: Element<'d>,
    outer: Option<SystemTime>,
    found: &mut Vec<Found<'d>>,
) -> Result<(), Refusal> {
    let valid_until = earlier(outer, element)?;
    if element.is(MD, "EntityDescriptor") {
        found.push(Found { entity: element, valid_until });
    } else if element.is(MD, "EntitiesDescriptor") {
        for child in element.elements()? {
            collect(child, valid_until, found)?;
        }
    }
    Ok(())
}

fn earlier(outer: Option<SystemTime>, element: Element<'_>) -> Result<Option<SystemTime>, Refusal> {
    let own = element.attribute("validUntil").map(instant::parse).transpose()?;
    Ok([outer, own].into_iter().flatten().min())
}

/// The role of an identity provider that speaks SAML 2.0.
fn role_of(entity: Element<'_>) -> Option<Element<'_>> {
    entity.elements().ok()?.into_iter().find(|role| {
        let protocols = role.attribute("protocolSupportEnumeration").unwrap_or_default();
        role.is(MD, "IDPSSODescriptor")
            && protocols.split_ascii_whitespace().any(|protocol| protocol == SAMLP)
    })
}

fn describe(found: &Found<'_>, now: SystemTime) -> Result<IdentityProvider, MetadataError> {
    let role = role_of(found.entity).ok_or(MetadataError::NoIdentityProvider)?;
    let valid_until = earlier(found.valid_until, role).map_err(MetadataError::Malformed)?;
    if valid_until.is_some_and(|end| end <= now) {
        return Err(MetadataError::Expired);
    }
    let entity_id = found.entity.attribute("entityID").map(str::trim).unwrap_or_default();
    if entity_id.is_empty() {
        return Err(MetadataError::NoIdentityProvider);
    }
    let (certificates, warnings) = certificates(role).map_err(MetadataError::Malformed)?;
    if certificates.is_empty() {
        return Err(MetadataError::NoCertificate);
    }
    let single_sign_on = endpoints(role, "SingleSignOnService");
    if single_sign_on.is_empty() {
        return Err(MetadataError::NoSignOn);
    }
    let wants = role.attribute("WantAuthnRequestsSigned").map(str::trim);
    Ok(IdentityProvider {
        entity_id: entity_id.to_owned(),
        single_sign_on,
        single_logout: endpoints(role, "SingleLogoutService"),
        certificates,
        wants_signed_requests: matches!(wants, Some("true" | "1")),
        valid_until,
        warnings,
    })
}

/// The certificates for signing: those of that use, and those of no stated use (Metadata
/// §2.4.1.1). One that cannot be used is passed over, so that a new kind of key beside the old
/// one locks nobody out.
fn certificates(role: Element<'_>) -> Result<(Vec<Certificate>, Vec<Warning>), Refusal> {
    let mut certificates: Vec<Certificate> = Vec::new();
    let mut warnings = Vec::new();
    let signing = |descriptor: &Element<'_>| {
        descriptor.is(MD, "KeyDescriptor")
            && matches!(descriptor.attribute("use"), None | Some("signing"))
    };
    for descriptor in role.elements()?.into_iter().filter(signing) {
        for element in descriptor.descendants().filter(|e| e.is(DS, "X509Certificate")) {
            match Certificate::parse_base64(element.text()?) {
                Ok(certificate) if certificates.contains(&certificate) => {}
                Ok(certificate) => certificates.push(certificate),
                Err(error) => warnings.push(Warning::CertificateUnusable(error)),
            }
        }
    }
    Ok((certificates, warnings))
}

/// The addresses of one service, those for Redirect first, as messages are short.
fn endpoints(role: Element<'_>, service: &str) -> Vec<Endpoint> {
    let elements = role.elements().unwrap_or_default();
    let mut endpoints: Vec<_> = elements
        .into_iter()
        .filter(|element| element.is(MD, service))
        .filter_map(|element| {
            let location = element.attribute("Location").map(str::trim)?;
            let response = element.attribute("ResponseLocation").map(str::trim);
            Some(Endpoint {
                binding: Binding::parse(element.attribute("Binding")?.trim())?,
                location: location.to_owned(),
                response_location: response.filter(|place| !place.is_empty()).map(str::to_owned),
            })
        })
        .collect();
    endpoints.sort_by_key(|endpoint| endpoint.binding != Binding::Redirect);
    endpoints
}
