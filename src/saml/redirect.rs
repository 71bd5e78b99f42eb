//! The HTTP Redirect binding (Bindings §3.4): messages in a query, signed as octets.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Refusal;
use super::keys::{SignatureAlgorithm, Trust};
use super::limits::{INFLATED_BYTES, MESSAGE_BYTES, decode_base64, encode_base64};
use super::own_keys::{KeyError, SigningKey};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The one encoding that Bindings §3.4.4 defines.
const DEFLATE: &str = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";

/// Whether a message asks or answers: the name of its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

impl Direction {
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// The address that carries `xml` to `location`, which may have a query of its own.
pub(crate) fn address(
    location: &str,
    direction: Direction,
    xml: &str,
    relay_state: Option<&str>,
    key: Option<&SigningKey>,
) -> Result<String, KeyError> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let deflated = encoder.write_all(xml.as_bytes()).and_then(|()| encoder.finish());
    let message = encode_base64(&deflated.map_err(|_| KeyError::Signing)?);
    let encode = |value: &str| utf8_percent_encode(value, QUERY).to_string();

    let mut query = format!("{}={}", direction.parameter(), encode(&message));
    if let Some(relay_state) = relay_state {
        query = format!("{query}&RelayState={}", encode(relay_state));
    }
    if let Some(key) = key {
        // Bindings §3.4.4.1: the octets of exactly these parameters in this order, and none of
        // the address's own.
        query = format!("{query}&SigAlg={}", encode(key.algorithm().uri()));
        let signature = encode_base64(&key.sign(query.as_bytes())?);
        query = format!("{query}&Signature={}", encode(&signature));
    }
    let location = location.split('#').next().unwrap_or_default();
    let separator = match location.split_once('?') {
        None => "?",
        Some((_, own)) if own.is_empty() || own.ends_with('&') => "",
        Some(_) => "&",
    };
    Ok(format!("{location}{separator}{query}"))
}

/// The parameters of a query, as the octets that arrived.
#[derive(Debug)]
pub(crate) struct Query<'q> {
    direction: Direction,
    message: &'q str,
    relay_state: Option<&'q str>,
    algorithm: Option<&'q str>,
    signature: Option<&'q str>,
}

impl<'q> Query<'q> {
    /// Splits a raw query. A parameter of the binding that comes twice, or whose name is written
    /// in escapes, has two readings and is refused.
    pub(crate) fn parse(query: &'q str) -> Result<Self, Refusal> {
        let (mut request, mut response, mut relay_state) = (None, None, None);
        let (mut algorithm, mut signature, mut encoding) = (None, None, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = percent_decode_str(name).decode_utf8_lossy();
            let slot = match decoded.as_ref() {
                "SAMLRequest" => &mut request,
                "SAMLResponse" => &mut response,
                "RelayState" => &mut relay_state,
                "SigAlg" => &mut algorithm,
                "Signature" => &mut signature,
                "SAMLEncoding" => &mut encoding,
                _ => continue,
            };
            if decoded != name || slot.replace(value).is_some() {
                return Err(Refusal::ParameterDoubled);
            }
        }
        let (direction, message) = match (request, response) {
            (Some(message), None) => (Direction::Request, message),
            (None, Some(message)) => (Direction::Response, message),
            (Some(_), Some(_)) => return Err(Refusal::ParameterDoubled),
            (None, None) => return Err(Refusal::ParameterMissing),
        };
        if encoding.map(decode).transpose()?.is_some_and(|encoding| encoding != DEFLATE) {
            return Err(Refusal::ParameterMalformed);
        }
        Ok(Self { direction, message, relay_state, algorithm, signature })
    }

    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    pub(crate) fn relay_state(&self) -> Result<Option<String>, Refusal> {
        self.relay_state.map(|value| decode(&value.replace('+', " "))).transpose()
    }

    pub(crate) fn is_signed(&self) -> bool {
        self.signature.is_some() || self.algorithm.is_some()
    }

    /// The message, without looking at a signature.
    pub(crate) fn message(&self) -> Result<String, Refusal> {
        let deflated = decode_base64(&decode(self.message)?, MESSAGE_BYTES)?;
        String::from_utf8(inflate(&deflated)?).map_err(|_| Refusal::NotUtf8)
    }

    /// Verifies the signature over the octets as they arrived: encoding them anew would make
    /// other octets of a valid message.
    pub(crate) fn verify(&self, trust: &Trust) -> Result<SignedQuery, Refusal> {
        let (Some(algorithm), Some(signature)) = (self.algorithm, self.signature) else {
            return Err(Refusal::SignatureMissing);
        };
        let mut octets = format!("{}={}", self.direction.parameter(), self.message);
        if let Some(relay_state) = self.relay_state {
            octets = format!("{octets}&RelayState={relay_state}");
        }
        octets = format!("{octets}&SigAlg={algorithm}");
        let algorithm = SignatureAlgorithm::parse(&decode(algorithm)?, trust.sha1)?;
        let signature =
            decode_base64(&decode(signature)?, 2048).map_err(|_| Refusal::SignatureShape)?;
        trust.verify(algorithm, octets.as_bytes(), &signature)?;
        Ok(SignedQuery(self.message()?))
    }
}

/// The message of a query whose octets a configured key has signed.
///
/// Only [`Query::verify`] makes it.
#[derive(Debug)]
pub(crate) struct SignedQuery(String);

impl SignedQuery {
    pub(crate) fn xml(&self) -> &str {
        &self.0
    }
}

fn decode(value: &str) -> Result<String, Refusal> {
    let escapes_are_whole = value.split('%').skip(1).all(|rest| {
        rest.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    if !escapes_are_whole {
        return Err(Refusal::ParameterMalformed);
    }
    let decoded = percent_decode_str(value).decode_utf8();
    decoded.map(|decoded| decoded.into_owned()).map_err(|_| Refusal::ParameterMalformed)
}

/// Inflates a whole DEFLATE stream of at most [`INFLATED_BYTES`].
fn inflate(deflated: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut inflated = Vec::with_capacity(INFLATED_BYTES + 1);
    let mut stream = Decompress::new(false);
    let status = stream
        .decompress_vec(deflated, &mut inflated, FlushDecompress::Finish)
        .map_err(|_| Refusal::NotDeflate)?;
    let whole = usize::try_from(stream.total_in()).is_ok_and(|read| read == deflated.len());
    if status == Status::StreamEnd && whole && inflated.len() <= INFLATED_BYTES {
        Ok(inflated)
    } else {
        Err(Refusal::NotDeflate)
    }
}
