//! No datagram allocates: a stranger's packets cost no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::UdpSocket;

use portreeve_udp::{Batch, Options, Outbox, Socket};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator unchanged; counting touches only a
// thread-local cell without a destructor, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps to the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` through `alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn no_datagram_allocates() {
    let server = Socket::bind("127.0.0.1:0".parse().unwrap(), &Options::default()).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut batch, mut outbox) = (Batch::new(), Outbox::with_capacity(8));
    let question = [5; 5000];
    let mut answered = 0;

    let before = ALLOCATIONS.get();
    assert!(before > 0, "allocations are not counted");
    for length in (0..5000).step_by(50) {
        client
            .send_to(&question[..length], server.local_addr())
            .unwrap();
        while server.receive(&mut batch).unwrap() == 0 {
            std::thread::yield_now();
        }
        for datagram in batch.iter() {
            let octets = &datagram.bytes[..datagram.bytes.len().min(4096)];
            outbox
                .push_slice(datagram.from, datagram.local(), octets)
                .unwrap();
            let bad = server.local_addr().ip();
            outbox.push_slice((bad, 0).into(), None, b"fails").unwrap();
        }
        let report = server.send(&mut outbox);
        answered += report.sent + report.failed.total();
    }
    let after = ALLOCATIONS.get();

    // The empty datagram is received but not answered.
    assert_eq!(answered, 199);
    assert_eq!(after - before, 0);
}
