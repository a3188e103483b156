//! Shows who is connected through a router, and then who comes and goes.
//!
//! Arguments: `HOST USER [FINGERPRINT]`; the password is in the environment, as
//! `ROUTEROS_PASSWORD`. Without a fingerprint the router's certificate is shown, to be compared
//! with what `/certificate print detail` shows on the router, and nobody logs in.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;

use portreeve_routeros::{Command, Error, Login, Record, Router, Target, Transport, Trust, dial};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, user, rest @ ..] = &arguments[..] else {
        println!("usage: sessions HOST USER [FINGERPRINT]");
        return Ok(());
    };
    let mut target = Target::new(host, Transport::ApiSsl);
    let pin = rest.first().and_then(|text| dial::parse_fingerprint(text));
    let Some(pin) = pin else {
        let seen = dial::certificate_of(&target).await?;
        println!(
            "{}\n{}",
            seen.subject,
            dial::spell_fingerprint(&seen.fingerprint)
        );
        return Ok(());
    };
    target.trust = Trust::Pin(pin);
    let password = env::var("ROUTEROS_PASSWORD").unwrap_or_default();
    let router = Router::connect(&target, &Login::new(user, password)).await?;

    // The same connection carries both questions at the same time.
    let asked = ["name", "user", "address", "uptime"];
    let (ppp, hotspot) = tokio::join!(
        router.print("/ppp/active", &asked, &[]),
        router.print("/ip/hotspot/active", &asked, &[]),
    );
    show("ppp", &ppp?);
    match hotspot {
        // A router without the package hotspot has no such menu.
        Err(Error::NoSuchCommand { .. }) => {}
        hotspot => show("hotspot", &hotspot?),
    }

    let mut changes = router.listen(&Command::new("/ppp/active/listen"))?;
    while let Some(session) = changes.next().await {
        show("ppp", &[session?]);
    }
    Ok(())
}

fn show(service: &str, sessions: &[Record]) {
    for session in sessions {
        if session.get(".dead").is_some() {
            println!("{service:8} {} has gone", session.get(".id").unwrap_or("?"));
            continue;
        }
        // PPP calls the user `name`, the hotspot `user`.
        let user = session.get("name").or_else(|| session.get("user"));
        let address = session.get("address").unwrap_or("-");
        let uptime = session.duration("uptime").unwrap_or_default();
        println!(
            "{service:8} {:24} {address:16} {} s",
            user.unwrap_or("?"),
            uptime.as_secs()
        );
    }
}
