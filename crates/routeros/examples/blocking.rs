//! Adds a comment to every RADIUS entry of a router that has none, from a plain script.
//!
//! Arguments: `HOST USER PASSWORD`. It speaks to the API in the clear: only where nobody listens.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;

use portreeve_routeros::{Error, Login, Query, Record, Target, Transport, blocking};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, user, password] = &arguments[..] else {
        println!("usage: blocking HOST USER PASSWORD");
        return Ok(());
    };
    let target = Target::new(host, Transport::Api);
    let router = blocking::Router::connect(&target, &Login::new(user, password))?;
    let bare = Query::Lacks("comment".to_owned());
    for entry in router.print("/radius", &[".id", "address"], &[bare])? {
        let comment = Record::new().with("comment", "whose is this?");
        router.set("/radius", entry.id().as_ref(), &comment)?;
        println!("{}", entry.get("address").unwrap_or("?"));
    }
    Ok(())
}
