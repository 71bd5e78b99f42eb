//! Whose message is verified next: organizations take turns, and within each of them its clients.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::policy::OrganizationId;

/// How many messages of one client may be with us for one organization; people send one.
const OF_CLIENT: usize = 16;
/// How many messages for one organization may be with us.
const OF_ORGANIZATION: usize = 64;
/// How many messages may be with us at all; each is kept in memory as it arrived. The first one of
/// an organization is always let in, so that others cannot take its place.
const OF_ALL: usize = 256;
/// How long a message waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who waits: a client of an organization, by its network; `None` is the gate itself.
pub(super) type Client = Option<IpAddr>;

/// The lines that messages stand in. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    /// How many are verified at the same time.
    places: Arc<Semaphore>,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    count: usize,
    organizations: HashMap<OrganizationId, Line>,
}

/// An organization's line: one of its messages at a time is in the line for a place.
#[derive(Debug)]
struct Line {
    count: usize,
    turn: Arc<Semaphore>,
    clients: HashMap<Client, Own>,
}

/// A client's line: one of its messages at a time is in its organization's line.
#[derive(Debug)]
struct Own {
    count: usize,
    turn: Arc<Semaphore>,
}

/// Being in line; dropping it leaves.
#[derive(Debug)]
struct Standing {
    lines: Arc<Mutex<Lines>>,
    organization: OrganizationId,
    client: Client,
}

/// A place to be verified at, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _turns: [OwnedSemaphorePermit; 3],
    _standing: Standing,
}

impl Turns {
    pub(super) fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), lines: Arc::default() }
    }

    /// Waits for a place; `None` when too many wait already, or it takes too long.
    pub(super) async fn place(
        &self,
        organization: &OrganizationId,
        client: Client,
    ) -> Option<Place> {
        let (standing, own, organization) = self.stand(organization, client)?;
        let turns = async {
            let own = own.acquire_owned().await.ok()?;
            let organization = organization.acquire_owned().await.ok()?;
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            Some([own, organization, place])
        };
        let turns = tokio::time::timeout(PATIENCE, turns).await.ok()??;
        Some(Place { _turns: turns, _standing: standing })
    }

    fn stand(
        &self,
        organization: &OrganizationId,
        client: Client,
    ) -> Option<(Standing, Arc<Semaphore>, Arc<Semaphore>)> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = &mut *lines;
        let known = lines.organizations.get(organization);
        let of_client = known.and_then(|line| line.clients.get(&client)).map_or(0, |own| own.count);
        let of_organization = known.map_or(0, |line| line.count);
        if of_client >= OF_CLIENT
            || of_organization >= OF_ORGANIZATION
            || (lines.count >= OF_ALL && of_organization > 0)
        {
            return None;
        }
        let one = || Arc::new(Semaphore::new(1));
        lines.count += 1;
        let line = lines.organizations.entry(organization.clone()).or_insert_with(|| Line {
            count: 0,
            turn: one(),
            clients: HashMap::new(),
        });
        line.count += 1;
        let own = line.clients.entry(client).or_insert_with(|| Own { count: 0, turn: one() });
        own.count += 1;
        let turns = (Arc::clone(&own.turn), Arc::clone(&line.turn));
        let lines = Arc::clone(&self.lines);
        let standing = Standing { lines, organization: organization.clone(), client };
        Some((standing, turns.0, turns.1))
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.count -= 1;
        let Some(line) = lines.organizations.get_mut(&self.organization) else { return };
        line.count -= 1;
        if let Some(own) = line.clients.get_mut(&self.client) {
            own.count -= 1;
            if own.count == 0 {
                line.clients.remove(&self.client);
            }
        }
        if line.count == 0 {
            lines.organizations.remove(&self.organization);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting<'t> = Pin<Box<dyn Future<Output = Option<Place>> + 't>>;

    fn organization(number: usize) -> OrganizationId {
        OrganizationId::parse(&format!("org-{number}")).unwrap()
    }

    fn client(number: u8) -> Client {
        Some(IpAddr::from([192, 0, 2, number]))
    }

    /// Looks whether a place is had by now.
    fn look(waiting: &mut Waiting<'_>) -> Poll<Option<Place>> {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn stand<'t>(turns: &'t Turns, number: usize, client: Client) -> (Waiting<'t>, bool) {
        let id = organization(number);
        let mut waiting: Waiting<'t> = Box::pin(async move { turns.place(&id, client).await });
        let refused = matches!(look(&mut waiting), Poll::Ready(None));
        (waiting, refused)
    }

    #[tokio::test]
    async fn one_client_fills_its_own_line_and_no_other() {
        let turns = Turns::new(1);
        let taken = turns.place(&organization(0), None).await.unwrap();
        let flood: Vec<_> = (0..OF_CLIENT).map(|_| stand(&turns, 1, client(1))).collect();
        assert!(flood.iter().all(|(_, refused)| !refused));
        assert!(stand(&turns, 1, client(1)).1, "one too many");
        // Another client of the organization is second in line, and not the seventeenth.
        let (mut other, refused) = stand(&turns, 1, client(2));
        assert!(!refused);
        let mut flood: Vec<_> = flood.into_iter().map(|(waiting, _)| waiting).collect();
        drop(taken);
        let Poll::Ready(Some(first)) = look(&mut flood[0]) else { panic!("the first in line") };
        assert!(look(&mut other).is_pending() && look(&mut flood[1]).is_pending());
        drop(first);
        assert!(matches!(look(&mut other), Poll::Ready(Some(_))));
    }

    #[tokio::test]
    async fn one_organization_fills_its_own_line_and_no_other() {
        let turns = Turns::new(1);
        let taken = turns.place(&organization(0), None).await.unwrap();
        let mut flood = Vec::new();
        for number in 0..OF_ORGANIZATION {
            let (waiting, refused) = stand(&turns, 1, client(u8::try_from(number / 8).unwrap()));
            assert!(!refused, "{number}");
            flood.push(waiting);
        }
        assert!(stand(&turns, 1, client(200)).1, "one too many");
        let (mut other, refused) = stand(&turns, 2, client(1));
        assert!(!refused);
        drop(taken);
        let Poll::Ready(Some(first)) = look(&mut flood[0]) else { panic!("the first in line") };
        // The next of the flood is in its organization's line, which is not the one for places.
        assert!(look(&mut flood[8]).is_pending());
        drop(first);
        assert!(look(&mut flood[8]).is_pending());
        assert!(matches!(look(&mut other), Poll::Ready(Some(_))));
    }

    #[tokio::test]
    async fn the_first_of_an_organization_is_always_let_in() {
        let turns = Turns::new(1);
        let _taken = turns.place(&organization(0), None).await.unwrap();
        let mut flood = Vec::new();
        for number in 0..OF_ALL - 1 {
            let who = client(u8::try_from(number % 8).unwrap());
            let (waiting, refused) = stand(&turns, 1 + number / OF_ORGANIZATION, who);
            assert!(!refused, "{number}");
            flood.push(waiting);
        }
        assert!(stand(&turns, 1, client(100)).1 && stand(&turns, 4, client(100)).1);
        let (first, refused) = stand(&turns, 50, client(1));
        assert!(!refused, "the first of its organization");
        assert!(stand(&turns, 50, client(1)).1, "and the only one");
        drop(first);
        drop(flood);
        assert!(!stand(&turns, 50, client(1)).1);
        let lines = turns.lines.lock().unwrap();
        assert_eq!((lines.count, lines.organizations.len()), (1, 1), "whoever leaves is forgotten");
    }

    #[tokio::test]
    async fn who_has_left_an_organizations_line_is_forgotten_while_others_stand_in_it() {
        let turns = Turns::new(1);
        let _staying = turns.place(&organization(0), client(1)).await.unwrap();
        drop(stand(&turns, 0, client(2)));
        let lines = turns.lines.lock().unwrap();
        assert_eq!(lines.organizations[&organization(0)].clients.len(), 1);
    }
}
