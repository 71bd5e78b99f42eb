//! As much of DER as a certificate's key and validity need (X.690; RFC 5280 §4.1).

use std::time::SystemTime;

use crate::saml::instant::{civil, from_unix};
use crate::saml::keys::{KeyKind, PublicKey};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// 1.2.840.113549.1.1.1 (RFC 3279 §2.3.1).
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1 (RFC 5480 §2.1.1).
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7 (RFC 5480 §2.1.1.1).
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34 (RFC 5480 §2.1.1.1).
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

/// What is read of a certificate.
pub(super) struct Fields<'a> {
    pub(super) not_before: SystemTime,
    pub(super) not_on_or_after: SystemTime,
    /// The content of the SubjectPublicKeyInfo.
    pub(super) public_key: &'a [u8],
}

/// Values that follow one another.
struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// The next value if it has this tag.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        if *found != tag {
            return None;
        }
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            0x80 | 0x84.. => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }

    fn end(&self) -> Option<()> {
        if self.0.is_empty() { Some(()) } else { None }
    }
}

/// Reads a whole certificate.
pub(super) fn certificate(der: &[u8]) -> Option<Fields<'_>> {
    let mut outer = Values(der);
    let mut signed = Values(outer.next(SEQUENCE)?);
    outer.end()?;
    let mut fields = Values(signed.next(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.next(VERSION)?;
    }
    fields.next(INTEGER)?; // serialNumber
    fields.next(SEQUENCE)?; // signature
    fields.next(SEQUENCE)?; // issuer
    let mut validity = Values(fields.next(SEQUENCE)?);
    fields.next(SEQUENCE)?; // subject
    Some(Fields {
        not_before: time(&mut validity)?,
        not_on_or_after: time(&mut validity)?,
        public_key: fields.next(SEQUENCE)?,
    })
}

/// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
pub(super) fn public_key(info: &[u8]) -> Option<PublicKey> {
    let mut info = Values(info);
    let mut algorithm = Values(info.next(SEQUENCE)?);
    let bits = info.next(BIT_STRING)?;
    info.end()?;
    let (0, key) = bits.split_first()? else { return None };
    let kind = match algorithm.next(OBJECT_IDENTIFIER)? {
        RSA_ENCRYPTION => KeyKind::Rsa,
        EC_PUBLIC_KEY => match algorithm.next(OBJECT_IDENTIFIER)? {
            P256 => KeyKind::P256,
            P384 => KeyKind::P384,
            _ => return None,
        },
        _ => return None,
    };
    Some(PublicKey::new(kind, key))
}

/// How long the modulus of an RSAPublicKey is (RFC 8017 §A.1.1).
pub(super) fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut outer = Values(key);
    let mut numbers = Values(outer.next(SEQUENCE)?);
    outer.end()?;
    let modulus = numbers.next(INTEGER)?;
    numbers.next(INTEGER)?;
    numbers.end()?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    let rest = modulus.len() - zeros - 1;
    Some(rest * 8 + (8 - usize::try_from(first.leading_zeros()).ok()?))
}

/// RFC 5280 §4.1.2.5: two digits of the year up to 2049, four from then on.
fn time(values: &mut Values<'_>) -> Option<SystemTime> {
    let (text, digits) = match values.next(UTC_TIME) {
        Some(text) => (text, 2),
        None => (values.next(GENERALIZED_TIME)?, 4),
    };
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = text.split_at_checked(digits)?;
    let year: i64 = year.parse().ok()?;
    let year = match (digits, year) {
        (2, 50..) => year + 1900,
        (2, _) => year + 2000,
        _ => year,
    };
    let mut numbers = rest.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        if pair.len() == 2 { pair.parse::<i64>().ok() } else { None }
    });
    let mut number = || numbers.next().flatten();
    let (month, day, hour, minute) = (number()?, number()?, number()?, number()?);
    // RFC 5280 wants the seconds; old tools left them out of a UTCTime.
    let second = number().unwrap_or(0);
    from_unix(civil(year, month, day, hour, minute, second)?)
}
