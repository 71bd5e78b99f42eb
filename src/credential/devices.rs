//! Programs that wait for a person to allow them (RFC 8628).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::grant::Program;
use super::pledge::Pledge;
use super::token::Hash;
use crate::session::{self, Session};

/// How long a program waits: as long as the Hugging Face Hub lets it.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How often it may ask (RFC 8628 §3.5 has five seconds where nothing is said).
pub const INTERVAL: Duration = Duration::from_secs(5);
/// Two requests that were sent five seconds apart may arrive a little closer.
const JITTER: Duration = Duration::from_secs(1);
/// How long it is remembered that a code has expired.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// How many wait at once.
const MOST: usize = 20_000;

/// Consonants without those that look or sound alike (RFC 8628 §6.1): no words, no digits.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// 20^8: 34.5 bits, tried at most a few times by each browser and network while it is good.
const LETTER_COUNT: usize = 8;

/// What a person types.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserCode(String);

/// One program that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The code that its screen shows.
    pub user_code: UserCode,
    /// The program.
    pub program: Program,
    /// Since when.
    pub since: SystemTime,
}

/// How it stands with a program that asks for its tokens.
#[derive(Debug)]
pub enum Standing {
    /// Nobody has answered yet.
    Pending,
    /// It asks too often.
    TooOften,
    /// Nobody has answered in time.
    Expired,
    /// The person said no.
    Denied,
    /// A person said yes.
    Allowed(Pledge, Program),
    /// Its tokens were given out already: somebody has its code.
    Spent(Option<Hash>),
    /// There is no such program.
    Unknown,
}

#[derive(Debug)]
struct Device {
    client_id: String,
    waiting: Waiting,
    interval: Duration,
    asked_at: Option<SystemTime>,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    None,
    Denied,
    Allowed(Pledge),
    /// With the refresh token that was given out.
    Spent(Option<Hash>),
}

/// Every program that waits.
pub struct Devices {
    waiting: Mutex<HashMap<Hash, Device>>,
    /// Binds a confirmation to the browser that saw the question.
    key: hmac::Key,
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Devices")
    }
}

impl UserCode {
    fn random() -> Result<Self, session::Error> {
        let mut code = String::with_capacity(LETTER_COUNT);
        while code.len() < LETTER_COUNT {
            let mut bytes = [0; 16];
            rand::fill(&mut bytes).map_err(|_| session::Error::Unavailable)?;
            // Bytes from 240 on would make some letters likelier than others.
            let fair = bytes.iter().filter(|byte| **byte < 240);
            let letters = fair.filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()));
            code.extend(letters.take(LETTER_COUNT - code.len()).map(|letter| char::from(*letter)));
        }
        Ok(Self(code))
    }

    /// Reads what a person typed: case, blanks and dashes do not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let code: String = letters.map(|c| c.to_ascii_uppercase()).collect();
        let good = code.len() == LETTER_COUNT && code.bytes().all(|b| LETTERS.contains(&b));
        good.then_some(Self(code))
    }
}

impl std::fmt::Display for UserCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (left, right) = self.0.split_at_checked(LETTER_COUNT / 2).unwrap_or((&self.0, ""));
        write!(f, "{left}-{right}")
    }
}

impl Devices {
    /// Nobody waits yet.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new() -> Result<Self, session::Error> {
        let mut key = [0; 32];
        rand::fill(&mut key).map_err(|_| session::Error::Unavailable)?;
        Ok(Self { waiting: Mutex::default(), key: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// Lets a program wait; returns its own code and the one for the person. `None`: too many wait.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn wait(
        &self,
        client_id: &str,
        program: Program,
        now: SystemTime,
    ) -> Result<Option<(String, UserCode)>, session::Error> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| session::Error::Unavailable)?;
        let device_code = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let mut all = self.all();
        all.retain(|_, device| now < device.ends_at() + REMEMBERED);
        if all.len() >= MOST {
            return Ok(None);
        }
        let user_code = loop {
            let code = UserCode::random()?;
            if !all.values().any(|device| device.waiting.user_code == code) {
                break code;
            }
        };
        let waiting = Waiting { user_code: user_code.clone(), program, since: now };
        let device = Device {
            client_id: client_id.to_owned(),
            waiting,
            interval: INTERVAL,
            asked_at: None,
            answer: Answer::None,
        };
        all.insert(Hash::of(&device_code), device);
        Ok(Some((device_code, user_code)))
    }

    /// The program that shows this code and waits for an answer.
    #[must_use]
    pub fn find(&self, code: &UserCode, now: SystemTime) -> Option<Waiting> {
        let all = self.all();
        let device = all.values().find(|device| device.waits_for(code, now))?;
        Some(device.waiting.clone())
    }

    /// What a person's form must hold to answer for this code in this session.
    #[must_use]
    pub fn confirmation(&self, code: &UserCode, session: &Session) -> String {
        let tag = hmac::sign(&self.key, format!("{}:{}", session.key.short(), code.0).as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref())
    }

    /// Whether a form holds it.
    #[must_use]
    pub fn is_confirmed(&self, confirmation: &str, code: &UserCode, session: &Session) -> bool {
        let Ok(tag) = BASE64_URL_SAFE_NO_PAD.decode(confirmation) else { return false };
        let text = format!("{}:{}", session.key.short(), code.0);
        hmac::verify(&self.key, text.as_bytes(), &tag).is_ok()
    }

    /// A person answers, once; returns the program, if it waited.
    pub fn answer(
        &self,
        code: &UserCode,
        allowed: Option<Pledge>,
        now: SystemTime,
    ) -> Option<Waiting> {
        let mut all = self.all();
        let device = all.values_mut().find(|device| device.waits_for(code, now))?;
        device.answer = allowed.map_or(Answer::Denied, Answer::Allowed);
        Some(device.waiting.clone())
    }

    /// A program asks for its tokens. What was allowed is given out once.
    #[must_use]
    pub fn ask(&self, device_code: &str, client_id: &str, now: SystemTime) -> Standing {
        let mut all = self.all();
        let device = all.get_mut(&Hash::of(device_code)).filter(|d| d.client_id == client_id);
        let Some(device) = device else { return Standing::Unknown };
        match device.answer {
            Answer::Spent(refresh) => return Standing::Spent(refresh),
            Answer::Denied => return Standing::Denied,
            Answer::None | Answer::Allowed(_) if now >= device.ends_at() => {
                return Standing::Expired;
            }
            Answer::None | Answer::Allowed(_) => {}
        }
        let soonest = device.asked_at.map(|at| at + device.interval.saturating_sub(JITTER));
        device.asked_at = Some(now);
        if soonest.is_some_and(|soonest| now < soonest) {
            // RFC 8628 §3.5: the interval is longer from now on, for both sides.
            device.interval += INTERVAL;
            return Standing::TooOften;
        }
        match std::mem::replace(&mut device.answer, Answer::Spent(None)) {
            Answer::Allowed(pledge) => Standing::Allowed(pledge, device.waiting.program.clone()),
            other @ (Answer::None | Answer::Denied | Answer::Spent(_)) => {
                device.answer = other;
                Standing::Pending
            }
        }
    }

    /// Notes what a program was given, so that a second use of its code can take it back.
    pub fn given(&self, device_code: &str, refresh: Hash) {
        if let Some(device) = self.all().get_mut(&Hash::of(device_code)) {
            device.answer = Answer::Spent(Some(refresh));
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Hash, Device>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device {
    fn ends_at(&self) -> SystemTime {
        self.waiting.since + PATIENCE
    }

    fn waits_for(&self, code: &UserCode, now: SystemTime) -> bool {
        matches!(self.answer, Answer::None)
            && now < self.ends_at()
            && self.waiting.user_code == *code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: Option<&str>) {
        let code = UserCode::parse(typed).map(|code| code.to_string());
        assert_eq!(code.as_deref(), expected, "{typed}");
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        check("BCDF-GHJK", Some("BCDF-GHJK"));
        check(" bcdf ghjk ", Some("BCDF-GHJK"));
        check("bcdfghjk", Some("BCDF-GHJK"));
        check("BCDF-GHJ", None);
        check("BCDF-GHJKL", None);
        check("ABCD-EFGH", None);
        check("", None);
    }

    #[test]
    fn every_letter_of_a_code_occurs() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            let code = UserCode::random().unwrap();
            assert_eq!(UserCode::parse(&code.to_string()), Some(code.clone()));
            seen.extend(code.0.bytes());
        }
        assert_eq!(seen.len(), LETTERS.len());
    }
}
