//! What a provider remembers: sessions, pushed requests, codes, tokens.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fields, unguessable};

/// A browser in which a person has signed in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// The id that clients see; not the cookie, which is the key of the session in the book.
    pub(super) sid: String,
    pub(super) person: String,
    pub(super) subject: String,
    pub(super) authenticated: u64,
    /// Who has been told of the session.
    pub(super) clients: BTreeSet<String>,
}

/// What a person let a client have, from the code to the last refresh token.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) client: String,
    pub(super) subject: String,
    pub(super) sid: String,
    pub(super) authenticated: u64,
    pub(super) scopes: BTreeSet<String>,
    /// The one refresh token that is good now.
    pub(super) refresh: Option<String>,
    pub(super) dead: bool,
}

/// A code that waits for its exchange, or that has been exchanged.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) grant: u64,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) expires: u64,
    pub(super) used: bool,
}

#[derive(Default)]
pub(super) struct Book {
    sessions: BTreeMap<String, Session>,
    grants: BTreeMap<u64, Grant>,
    codes: BTreeMap<String, Code>,
    /// Access tokens: their grant and their end.
    access: BTreeMap<String, (u64, u64)>,
    /// Every refresh token ever, so that a second use is noticed (RFC 9700 §4.14.2).
    refresh: BTreeMap<String, u64>,
    /// Pushed requests: their fields and their end.
    pushed: BTreeMap<String, (Fields, u64)>,
    assertions: BTreeSet<(String, String)>,
}

impl Book {
    pub(super) fn open_session(&mut self, person: &str, subject: &str, now: u64) -> String {
        let (cookie, sid) = (unguessable(), unguessable());
        let session = Session {
            sid,
            person: person.to_owned(),
            subject: subject.to_owned(),
            authenticated: now,
            clients: BTreeSet::new(),
        };
        self.sessions.insert(cookie.clone(), session);
        cookie
    }

    pub(super) fn session(&self, cookie: &str) -> Option<&Session> {
        self.sessions.get(cookie)
    }

    pub(super) fn session_mut(&mut self, cookie: &str) -> Option<&mut Session> {
        self.sessions.get_mut(cookie)
    }

    pub(super) fn newest_session(&self, person: &str) -> Option<&Session> {
        let own = self.sessions.values().filter(|session| session.person == person);
        own.max_by_key(|session| session.authenticated)
    }

    /// Ends sessions, with what was granted in them.
    pub(super) fn end_sessions(&mut self, wanted: impl Fn(&str, &Session) -> bool) -> Vec<Session> {
        let mut ended: Vec<Session> = Vec::new();
        self.sessions.retain(|cookie, session| {
            let ends = wanted(cookie, session);
            if ends {
                ended.push(session.clone());
            }
            !ends
        });
        self.kill_grants(|grant| ended.iter().any(|session| session.sid == grant.sid));
        ended
    }

    pub(super) fn add_grant(&mut self, grant: Grant) -> u64 {
        let id = self.grants.len() as u64;
        self.grants.insert(id, grant);
        id
    }

    pub(super) fn live_grant(&self, id: u64) -> Option<&Grant> {
        self.grants.get(&id).filter(|grant| !grant.dead)
    }

    pub(super) fn kill_grants(&mut self, wanted: impl Fn(&Grant) -> bool) {
        self.grants.values_mut().filter(|grant| wanted(grant)).for_each(|grant| grant.dead = true);
    }

    pub(super) fn kill_grant(&mut self, id: u64) {
        if let Some(grant) = self.grants.get_mut(&id) {
            grant.dead = true;
        }
    }

    pub(super) fn add_code(&mut self, code: Code) -> String {
        let name = unguessable();
        self.codes.insert(name.clone(), code);
        name
    }

    /// Uses a code up; a second use ends everything that came of the first (RFC 6749 §4.1.2).
    pub(super) fn use_code(&mut self, name: &str) -> Option<Code> {
        let code = self.codes.get_mut(name)?;
        let before = code.clone();
        code.used = true;
        if before.used {
            self.kill_grant(before.grant);
            return None;
        }
        Some(before)
    }

    pub(super) fn add_access_token(&mut self, grant: u64, expires: u64) -> String {
        let token = unguessable();
        self.access.insert(token.clone(), (grant, expires));
        token
    }

    pub(super) fn access_token(&self, token: &str, now: u64) -> Option<&Grant> {
        let (grant, expires) = self.access.get(token)?;
        self.live_grant(*grant).filter(|_| *expires > now)
    }

    /// A new refresh token in the place of the grant's last one.
    pub(super) fn add_refresh_token(&mut self, grant: u64) -> Option<String> {
        let token = unguessable();
        self.grants.get_mut(&grant)?.refresh = Some(token.clone());
        self.refresh.insert(token.clone(), grant);
        Some(token)
    }

    /// The grant of a refresh token; one that has been used before ends its grant.
    pub(super) fn use_refresh_token(&mut self, token: &str) -> Option<u64> {
        let id = *self.refresh.get(token)?;
        if self.live_grant(id)?.refresh.as_deref() != Some(token) {
            self.kill_grant(id);
            return None;
        }
        Some(id)
    }

    /// The grant of an access token or a refresh token, whichever it is, for its revocation.
    pub(super) fn grant_of(&self, token: &str) -> Option<u64> {
        self.refresh.get(token).or_else(|| self.access.get(token).map(|(grant, _)| grant)).copied()
    }

    pub(super) fn push(&mut self, fields: Fields, expires: u64) -> String {
        let name = format!("urn:ietf:params:oauth:request_uri:{}", unguessable());
        self.pushed.insert(name.clone(), (fields, expires));
        name
    }

    pub(super) fn pushed(&self, name: &str, now: u64) -> Option<Fields> {
        self.pushed
            .get(name)
            .filter(|(_, expires)| *expires > now)
            .map(|(fields, _)| fields.clone())
    }

    pub(super) fn forget_pushed(&mut self, name: &str) {
        self.pushed.remove(name);
    }

    /// Whether the client uses this `jti` for the first time.
    pub(super) fn remember_assertion(&mut self, client: &str, jti: &str) -> bool {
        self.assertions.insert((client.to_owned(), jti.to_owned()))
    }
}
