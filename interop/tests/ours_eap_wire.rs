//! EAP by hand, where the reference is not asked.

use portreeve_interop::eap::Place;
use portreeve_interop::eap::talk::Talk;

/// FreeRADIUS 3.2.1 answers a few of these, and dies.
#[test]
fn sizes_that_lie_open_nothing() {
    let place = Place::ours(|terms| terms);
    for size in [0_u8, 1, 15, 17, 128, 255] {
        let mut talk = Talk::challenged(&place, "bob");
        let mut data = talk.proof("hello world");
        data[1] = size;
        let message = talk.response(&data);
        talk.expect_no_way_in(&message);
    }
    // Nothing, and half of it.
    for length in [1, 2, 9] {
        let mut talk = Talk::challenged(&place, "bob");
        let data = talk.proof("hello world");
        let message = talk.response(&data[..length]);
        talk.expect_no_way_in(&message);
    }
    Talk::succeed(&place);
}
