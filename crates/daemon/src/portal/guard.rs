//! How often each address may ask, and what every answer says to browsers.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::Caller;

/// So many requests at once, and so many a second after that.
const BURST: f64 = 60.0;
const A_SECOND: f64 = 20.0;
/// After so long without a request an address has its whole burst again.
const FORGOTTEN: Duration = Duration::from_secs(3);
/// The most addresses that are remembered.
const MOST: usize = 4_096;
/// How long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(10);

/// What browsers are told of every answer: it is what its type says, is not shown within other
/// pages, loads nothing, and tells nobody where one came from.
const SAID: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
];

/// Counts the requests of each address.
#[derive(Debug, Default)]
pub(super) struct Guard {
    callers: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Guard {
    /// Whether this address may ask now.
    fn admits(&self, address: IpAddr, now: Instant) -> bool {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        if callers.len() >= MOST && !callers.contains_key(&address) {
            callers.retain(|_, bucket| now.duration_since(bucket.at) < FORGOTTEN);
            if callers.len() >= MOST {
                return false;
            }
        }
        let bucket = callers.entry(address).or_insert(Bucket {
            left: BURST,
            at: now,
        });
        let rested = now.duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + rested * A_SECOND).min(BURST);
        bucket.at = now;
        let admitted = bucket.left >= 1.0;
        if admitted {
            bucket.left -= 1.0;
        }
        admitted
    }
}

/// Those who have one IPv6 address have all of its /64.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(network.into())
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Stands before all routes.
pub(super) async fn watch(
    State(guard): State<Arc<Guard>>,
    ConnectInfo(Caller(caller)): ConnectInfo<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = if guard.admits(caller.ip(), Instant::now()) {
        let answered = tokio::time::timeout(PATIENCE, next.run(request)).await;
        answered.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
    } else {
        (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3")]).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in SAID {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// For every path that nobody has put in.
pub(super) async fn nothing_here() -> StatusCode {
    StatusCode::NOT_FOUND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_asks_too_often_waits_and_others_do_not() {
        let (guard, start) = (Guard::default(), Instant::now());
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let asked = (0..100).filter(|_| guard.admits(one, start)).count();
        assert_eq!(asked, 60);
        assert!(guard.admits("192.0.2.2".parse().unwrap(), start));
        let later = start + Duration::from_millis(500);
        let asked = (0..100).filter(|_| guard.admits(one, later)).count();
        assert_eq!(asked, 10);
        let rested = start + Duration::from_hours(1);
        let asked = (0..100).filter(|_| guard.admits(one, rested)).count();
        assert_eq!(asked, 60, "no more than the burst");
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let (guard, start) = (Guard::default(), Instant::now());
        let admitted = (0..100_u128).filter(|host| {
            let address = 0x2001_0db8 << 96 | host;
            guard.admits(IpAddr::V6(address.into()), start)
        });
        assert_eq!(admitted.count(), 60);
        assert!(guard.admits("2001:db8:0:1::1".parse().unwrap(), start));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network(mapped), IpAddr::from([192, 0, 2, 1]));
    }

    #[test]
    fn many_addresses_do_not_make_the_table_grow() {
        let (guard, start) = (Guard::default(), Instant::now());
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        let most = u32::try_from(MOST).unwrap();
        for number in 0..most {
            assert!(guard.admits(address(number), start));
        }
        assert!(!guard.admits(address(most), start));
        assert!(guard.admits(address(1), start), "those who are known go on");
        let later = start + FORGOTTEN;
        assert!(guard.admits(address(most), later));
        assert_eq!(guard.callers.lock().unwrap().len(), 1);
    }
}
