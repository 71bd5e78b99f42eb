//! Reads a configuration again and again: only what has changed is read, and what is broken stays
//! as it was.

mod changes;
mod entries;
mod look;
mod many;
mod merge;
mod organizations;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use toml::Table;

use super::disjoint::disjoint;
use super::files::{self, Listing};
use super::load::{Root, begin, text_of};
use super::section::{Attempt, Environment, Place, Reader};
use super::stamp::Touched;
use super::{Config, Problem, Problems, overrides};
use crate::policy::OrganizationId;

pub use changes::Changes;

use entries::{Files, Found};
use merge::{AtWork, Candidate, merge};
use organizations::{Organizations, Readings, sections};

/// The file that an organization stands in, when it is not the main one.
type Origin = Option<Arc<Path>>;

/// Reads one configuration, first as a whole, and then again whenever it may have changed.
#[derive(Debug)]
pub struct Loader {
    path: PathBuf,
    environment: Arc<Environment>,
    attempt: Option<Attempt>,
    files: Files,
    readings: Readings,
    /// The patterns of organizations' files, as they were read last.
    patterns: Vec<String>,
    listings: Vec<Listing>,
    looked: u64,
    /// How many looks have found a change of a file that an organization rests on.
    differences: u64,
    /// The main file's tables when the process began.
    began_with: Table,
    at_work: State,
}

/// What is at work.
#[derive(Debug, Default)]
struct State {
    table: Table,
    /// The files that the main file rests on.
    touched: Vec<Touched>,
    organizations: AtWork,
}

/// A configuration that was read again.
#[derive(Debug)]
pub struct Reading {
    /// What can be put to work: whatever is broken in it is as it was.
    pub config: Config,
    /// What is broken.
    pub broken: Vec<Problem>,
    /// What differs from the configuration at work.
    pub changes: Changes,
    table: Table,
    touched: Vec<Touched>,
    organizations: Vec<Candidate>,
}

/// One pass over the files.
struct Pass {
    root: Root,
    table: Table,
    touched: Vec<Touched>,
    organizations: Organizations,
}

impl Loader {
    /// Will read the file at `path`. `environment` holds the overrides, and the secrets that are
    /// kept there.
    #[must_use]
    pub fn new(path: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            path: path.to_owned(),
            environment: Arc::new(environment.into_iter().collect()),
            attempt: None,
            files: Files::default(),
            readings: Readings::default(),
            patterns: Vec::new(),
            listings: Vec::new(),
            looked: 0,
            differences: 0,
            began_with: Table::new(),
            at_work: State::default(),
        }
    }

    /// Tries by `attempt`, at the first reading, whether files can be appended to that will be:
    /// for whoever serves, or asks on behalf of who does.
    #[must_use]
    pub fn attempting(mut self, attempt: Attempt) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// Reads it for the first time; it is at work then.
    ///
    /// # Errors
    /// Every mistake at once: one broken organization is enough.
    pub fn first(&mut self, now: SystemTime) -> Result<Config, Problems> {
        self.first_of(&text_of(&self.path)?, now)
    }

    pub(super) fn first_of(&mut self, text: &str, now: SystemTime) -> Result<Config, Problems> {
        let (mut reader, place) = begin(&self.path, &self.environment, now);
        reader.attempt = self.attempt;
        let pass = self.pass(&reader, &place, text, false, None);
        let mut problems = reader.problems.take();
        let Some(mut pass) = pass else { return Err(Problems::new(&self.path, problems)) };
        problems.append(&mut pass.organizations.broken);
        let good = pass.organizations.good;
        let configs = good.iter().map(|one| Arc::clone(&one.config)).collect();
        match pass.root.with(configs) {
            Some(config) if problems.is_empty() => {
                self.began_with.clone_from(&pass.table);
                self.at_work.table = pass.table;
                self.at_work.touched = pass.touched;
                self.at_work.organizations.replace(good);
                Ok(config)
            }
            Some(_) | None => Err(Problems::new(&self.path, problems)),
        }
    }

    /// Reads it again. An organization that is broken stays as it is at work; an organization whose
    /// file is broken beyond recognition does, too.
    ///
    /// # Errors
    /// When something outside of the organizations is broken: then nothing of it can be used.
    pub fn again(&mut self, now: SystemTime) -> Result<Reading, Problems> {
        let looked = self.look_around(now);
        let text = text_of(&self.path)?;
        let (reader, place) = begin(&self.path, &self.environment, now);
        let pass = self.pass(&reader, &place, &text, true, looked);
        let mut problems = reader.problems.take();
        let Some(pass) = pass else { return Err(Problems::new(&self.path, problems)) };
        let Pass { root, table, touched, organizations } = pass;
        let Organizations { good, mut broken, broken_in } = organizations;
        let config = match root.with(Arc::default()) {
            Some(config) if problems.is_empty() => config,
            Some(_) | None => {
                problems.append(&mut broken);
                return Err(Problems::new(&self.path, problems));
            }
        };
        let stay = if broken_in.is_empty() {
            Vec::new()
        } else {
            let read: HashSet<&OrganizationId> =
                good.iter().map(|one| &one.config.policy.id).collect();
            let stays = |one: &&Candidate| {
                broken_in.contains(&one.origin) && !read.contains(&one.config.policy.id)
            };
            self.at_work.organizations.iter().filter(stays).cloned().collect()
        };
        let organizations = merge(good, stay, &self.at_work.organizations, &mut broken);
        let changes = Changes::default();
        let mut reading = Reading { config, broken, changes, table, touched, organizations };
        self.compare(&mut reading);
        Ok(reading)
    }

    /// Leaves one organization of a reading as it is at work: it reads well, and cannot be put to
    /// work for another reason.
    pub fn put_back(&mut self, reading: &mut Reading, id: &OrganizationId, what: String) {
        let is = |one: &&Candidate| one.config.policy.id == *id;
        let origin = reading.organizations.iter().find(is).and_then(|one| one.origin.clone());
        let remedy = "correct it; until then the organization stays as it was".to_owned();
        let key = format!("organization[{id}]");
        let file = origin.as_deref().map(Path::to_owned);
        reading.broken.push(Problem { file, key, what, remedy });
        let mut others = std::mem::take(&mut reading.organizations);
        others.retain(|one| one.config.policy.id != *id);
        let stay = self.at_work.organizations.get(id).cloned().into_iter().collect();
        reading.organizations =
            merge(others, stay, &self.at_work.organizations, &mut reading.broken);
        self.compare(reading);
    }

    /// Says that a reading is at work now.
    pub fn commit(&mut self, reading: Reading) {
        let Reading { table, touched, organizations, .. } = reading;
        self.at_work.table = table;
        self.at_work.touched = touched;
        self.at_work.organizations.replace(organizations);
    }

    /// `looked` are the organizations' files as a look has found them.
    fn pass(
        &mut self,
        reader: &Reader,
        place: &Place,
        text: &str,
        again: bool,
        looked: Option<Vec<Found>>,
    ) -> Option<Pass> {
        let mut table = files::syntax(reader, place, text)?;
        // Overrides reach the organizations in files too, so those are read in between.
        overrides::apply(reader, &mut table, |first| first == "organizations");
        let patterns = entries::patterns(reader, place, &table);
        let found = match looked {
            Some(looked) if patterns == self.patterns => looked,
            Some(_) | None => entries::found(reader, place, &patterns, &mut self.listings),
        };
        self.patterns = patterns;
        if again && !reader.problems.borrow().is_empty() {
            // A folder that is gone says nothing about the organizations in it.
            return None;
        }
        let found = self.files.gather(reader, place, &mut table, found, again);
        overrides::apply(reader, &mut table, |first| {
            first != "organizations" && first != "organization"
        });
        let root = Root::read(reader, place, &table);
        let touched = reader.take_touched();
        let mut organizations = self.readings.read(reader, &found.list, root.around());
        let files = found.broken.iter().map(|problem| problem.file.as_deref().map(Arc::from));
        organizations.broken_in.extend(files);
        organizations.broken.splice(0..0, found.broken);
        if !again {
            // What is wrong with each of them is known; now, what is wrong with several.
            let known = reader.problems.take();
            let sections = sections(reader, &found.list);
            reader.problems.take();
            disjoint(&sections);
            organizations.broken.append(&mut reader.problems.replace(known));
        }
        Some(Pass { root, table, touched, organizations })
    }

    /// Says what differs from what is at work.
    fn compare(&self, reading: &mut Reading) {
        let at_work = &self.at_work;
        let mut changes = Changes {
            keys: changes::keys(&at_work.table, &reading.table),
            restart: changes::need_restart(&self.began_with, &reading.table),
            ..Changes::default()
        };
        for new in &reading.touched {
            let same = at_work.touched.iter().any(|old| old.is(new));
            if !same && !changes.keys.contains(&new.key) {
                changes.keys.push(new.key.clone());
            }
        }
        at_work.organizations.compare(&reading.organizations, &mut changes);
        reading.config.organizations =
            reading.organizations.iter().map(|one| Arc::clone(&one.config)).collect();
        reading.changes = changes;
    }
}
