//! Lets an example that serves prove itself: with `PORTREEVE_EXAMPLE_CHECK=1` it serves itself.

use portreeve::{
    Access, AccessOutcome, Client, Error, Handler, Server,
    client::{DynamicOutcome, Response},
};

/// Whether the example is to prove itself, and then end.
pub(crate) fn wanted() -> bool {
    std::env::var_os("PORTREEVE_EXAMPLE_CHECK").is_some_and(|value| value == "1")
}

/// Serves on a free port of this machine, and asks what the example promises.
pub(crate) async fn prove<H: Handler>(
    server: Server<H>,
    promise: impl AsyncFnOnce(Client),
) -> Result<(), Error> {
    let running = server
        .peer("127.0.0.1", "check")
        .udp("127.0.0.1:0")
        .start()
        .await?;
    promise(Client::udp(running.address(), "check").await?).await;
    running.stop().await;
    Ok(())
}

/// The usual promise: who is let in, and who is not.
pub(crate) async fn lets_in(client: Client, user: &str, password: &str) {
    for (password, expected) in [(password, true), ("wrong", false)] {
        let outcome = client.access(Access::pap(user, password)).await;
        let accepted = outcome.as_ref().is_ok_and(AccessOutcome::is_accept);
        assert_eq!(accepted, expected, "{user} {outcome:?}");
    }
    is_answered(client.status().await);
}

/// That there was an answer.
pub(crate) fn is_answered(response: Result<Response, Error>) {
    assert!(response.is_ok(), "{response:?}");
}

/// That the answer was a refusal for this Error-Cause.
pub(crate) fn is_refused(outcome: Result<DynamicOutcome, Error>, cause: u32) {
    let found = match &outcome {
        Ok(DynamicOutcome::Nak(reply)) => reply.get(portreeve::attr::ERROR_CAUSE),
        _ => None,
    };
    assert_eq!(found, Some(cause), "{outcome:?}");
}
