//! How often something may come from one address: so much at once, then one a second. What is refused is seen at the next
//! interval.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// At once.
const BURST: u32 = 60;
/// For each of them, afterwards.
const PAUSE: Duration = Duration::from_secs(1);
/// Addresses that are told apart; beyond that the rest share one account.
const MOST: usize = 1024;

/// Until when what each address has used up lasts.
type Accounts = HashMap<IpAddr, Instant>;

/// One account for each address.
#[derive(Debug, Default)]
pub(super) struct Rate {
    used_until: Mutex<Accounts>,
}

impl Rate {
    /// Books one, or says after how long there is room for one again.
    pub(super) fn book(&self, peer: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut accounts = self.accounts();
        let peer = account(&mut accounts, peer, now);
        let until = accounts.entry(peer).or_insert(now);
        *until = with_one_more(*until, now)?;
        Ok(())
    }

    /// Whether there is room for one, which is not booked; else after how long.
    pub(super) fn room(&self, peer: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut accounts = self.accounts();
        let peer = account(&mut accounts, peer, now);
        let until = accounts.get(&peer).copied().unwrap_or(now);
        with_one_more(until, now).map(drop)
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        let accounts = self.used_until.lock();
        accounts.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose account it is: its own where there are not too many.
fn account(accounts: &mut Accounts, peer: IpAddr, now: Instant) -> IpAddr {
    let peer = neighbourhood(peer);
    if accounts.len() >= MOST && !accounts.contains_key(&peer) {
        accounts.retain(|_, until| *until > now);
        if accounts.len() >= MOST {
            return Ipv4Addr::UNSPECIFIED.into();
        }
    }
    peer
}

/// Until when an account is used up by one more, if there is room for it.
fn with_one_more(until: Instant, now: Instant) -> Result<Instant, Duration> {
    let used = until.max(now) + PAUSE;
    let over = used.duration_since(now).checked_sub(PAUSE * BURST);
    match over.filter(|over| !over.is_zero()) {
        Some(over) => Err(over),
        None => Ok(used),
    }
}

/// Whoever has one IPv6 address has the network it is in.
fn neighbourhood(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        short @ IpAddr::V4(_) => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_a_second() {
        let rate = Rate::default();
        let now = Instant::now();
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..BURST {
            assert_eq!(rate.room(peer, now), Ok(()), "to ask costs nothing");
            assert_eq!(rate.book(peer, now), Ok(()));
        }
        assert_eq!(rate.book(peer, now), Err(PAUSE));
        assert_eq!(rate.room(peer, now), Err(PAUSE));
        let half = now + PAUSE / 2;
        assert_eq!(rate.book(peer, half), Err(PAUSE / 2));
        assert_eq!(
            rate.book(peer, now + PAUSE),
            Ok(()),
            "being refused costs nothing"
        );
        assert!(rate.book(peer, now + PAUSE).is_err());
        let other = "192.0.2.2".parse().unwrap();
        assert_eq!(rate.book(other, now), Ok(()), "each has its own");
    }

    #[test]
    fn many_addresses_of_one_network_are_one() {
        let rate = Rate::default();
        let now = Instant::now();
        let mut refused = 0;
        for number in 0..=BURST {
            let peer = format!("2001:db8::{number:x}").parse().unwrap();
            refused += u32::from(rate.book(peer, now).is_err());
        }
        assert_eq!(refused, 1);
    }

    #[test]
    fn more_addresses_than_can_be_told_apart_share_one_account() {
        let rate = Rate::default();
        let now = Instant::now();
        let peer = |number: u32| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + number));
        let taken = (0..10_000).filter(|number| rate.book(peer(*number), now).is_ok());
        assert_eq!(taken.count(), MOST + usize::try_from(BURST).unwrap());
        assert!(rate.used_until.lock().unwrap().len() <= MOST + 1);
        // Those who were there before keep their own.
        assert_eq!(rate.book(peer(0), now), Ok(()));
        let later = now + PAUSE * 61;
        assert_eq!(rate.book(peer(20_000), later), Ok(()));
        assert_eq!(rate.used_until.lock().unwrap().len(), 1);
    }
}
