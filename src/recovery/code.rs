//! What a recovery code looks like.

use aws_lc_rs::{digest, rand};

use crate::policy::OrganizationId;
use crate::session;

/// Crockford's base 32: without letters that look like digits.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 125 bits: nobody guesses one, however its hash came to light.
const LENGTH: usize = 25;
/// How many stand together.
const GROUP: usize = 5;

/// A code, as people write it down and type it.
#[derive(PartialEq, Eq)]
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn random() -> Result<Self, session::Error> {
        let mut bytes = [0; LENGTH];
        rand::fill(&mut bytes).map_err(|_| session::Error::Unavailable)?;
        let letters = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 31)));
        Ok(Self(letters.map(|letter| char::from(*letter)).collect()))
    }

    /// Reads what a person typed: case, blanks and dashes do not matter, and O, I and L are what
    /// they look like.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 200 {
            return None;
        }
        let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let code: String = letters
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let good = code.len() == LENGTH && code.bytes().all(|b| LETTERS.contains(&b));
        good.then_some(Self(code))
    }

    /// What a configuration holds of it: good for this organization only.
    #[must_use]
    pub fn hash(&self, organization: &OrganizationId) -> [u8; 32] {
        let text = format!("hubgate recovery code\n{organization}\n{}", self.0);
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        digest.as_ref().try_into().unwrap_or_default()
    }

    /// The code, for whoever writes it down.
    #[must_use]
    pub fn expose(&self) -> String {
        let groups: Vec<&[u8]> = self.0.as_bytes().chunks(GROUP).collect();
        groups.iter().map(|g| String::from_utf8_lossy(g)).collect::<Vec<_>>().join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = RecoveryCode::random().unwrap();
        let text = code.expose();
        assert_eq!(text.len(), 29);
        for typed in
            [text.clone(), text.to_lowercase(), text.replace('-', " "), format!(" {text} ")]
        {
            assert!(RecoveryCode::parse(&typed) == Some(RecoveryCode(code.0.clone())), "{typed}");
        }
        let alike = RecoveryCode::parse("OIL00-00000-00000-00000-00000").unwrap();
        assert_eq!(alike.expose(), "01100-00000-00000-00000-00000");
        for bad in ["", "AAAAA", &format!("{text}0"), &text.replace(&text[..1], "U")] {
            assert!(RecoveryCode::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_code_of_one_organization_is_none_of_another() {
        let code = RecoveryCode::random().unwrap();
        let [acme, globex] = ["acme", "globex"].map(|id| OrganizationId::parse(id).unwrap());
        assert_ne!(code.hash(&acme), code.hash(&globex));
    }
}
