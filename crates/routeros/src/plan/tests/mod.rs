//! Plans against a router in memory, and against what the versions say of themselves.

mod cases;
mod journeys;
mod memory;
mod random;
mod schema;
mod turning;

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::{Plan, Wanted, plan};
use memory::Memory;

/// Runs what never waits: the router in memory answers at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the router in memory does not wait"),
    }
}

fn planned(wanted: &Wanted, router: &Memory) -> Plan {
    match plan(wanted, &router.observed(), schema::newest()) {
        Ok(plan) => plan,
        Err(objections) => panic!("{objections:?}"),
    }
}

/// Compares two exports line by line.
fn assert_same(found: &Memory, expected: &str) {
    let found = found.export();
    let pairs = found.lines().zip(expected.lines());
    for (found, expected) in pairs {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}
