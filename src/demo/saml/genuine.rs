//! Whether a service provider has sent what names it, where its key is registered.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::keys::ALGORITHM;
use super::{Message, ServiceProvider, State};
use crate::demo::lock;

impl State {
    /// Whether the message may be acted upon. What the page with the names sends again must have
    /// come with a signature before.
    pub(super) fn is_genuine(
        &self,
        service_provider: &ServiceProvider,
        message: &Message,
        again: bool,
    ) -> bool {
        match &service_provider.key {
            None => true,
            Some(_) if again => lock(&self.received).iter().any(|own| own.xml == message.xml),
            Some(key) => is_signed(&message.query, key),
        }
    }
}

/// Bindings §3.4.4.1: the signature is over the octets in front of it, in this order.
fn is_signed(query: &str, key: &[u8]) -> bool {
    let Some((octets, signature)) = query.rsplit_once("&Signature=") else { return false };
    let names: Vec<&str> =
        octets.split('&').map(|pair| pair.split_once('=').map_or(pair, |pair| pair.0)).collect();
    let in_order = match names.as_slice() {
        [message, "RelayState", "SigAlg"] | [message, "SigAlg"] => {
            ["SAMLRequest", "SAMLResponse"].contains(message)
        }
        _ => false,
    };
    let decoded = |raw: &str| {
        let pair = format!("x={raw}");
        url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    let algorithm = octets.rsplit_once("&SigAlg=").and_then(|(_, raw)| decoded(raw));
    let signature = decoded(signature).and_then(|text| STANDARD.decode(text).ok());
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
    in_order
        && algorithm.as_deref() == Some(ALGORITHM)
        && signature.is_some_and(|signature| key.verify(octets.as_bytes(), &signature).is_ok())
}
