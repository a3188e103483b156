//! Asking a server, once or many times.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use portreeve::{
    Error,
    client::{Access, AccessOutcome, Accounting, Client, ClientBuilder, DynamicOutcome, Response},
    tls::Session,
};
use portreeve_auth::Method;
use portreeve_proto::{Ask, AttributeList};
use tokio::{runtime::Builder, task::JoinSet};
use zeroize::Zeroizing;

use super::SendError;
use crate::failure::Failure;

/// What is asked.
pub(crate) enum Question {
    Accounting(AttributeList),
    /// A log-in of attributes alone.
    Bare(AttributeList),
    Coa(AttributeList),
    Disconnect(AttributeList),
    Login {
        method: Method,
        user: String,
        password: Zeroizing<String>,
        attributes: AttributeList,
    },
    Status(AttributeList),
}

/// What came of asking once.
pub(crate) struct Done {
    /// Which of several, from 1.
    pub(crate) number: u64,
    pub(crate) elapsed: Duration,
    pub(crate) result: Result<Response, Error>,
    /// What the handshake settled, where there was one.
    pub(crate) session: Option<Session>,
}

/// Asks `count` times, `parallel` at once, and hands on each result when it is there.
pub(crate) fn drive(
    builder: ClientBuilder,
    question: Question,
    count: u64,
    parallel: usize,
    each: &mut dyn FnMut(Done) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SendError::Runtime)?;
    let driven = runtime.block_on(async {
        let client = builder.build().map_err(SendError::from)?;
        let question = Arc::new(question);
        let mut waiting = JoinSet::new();
        let mut asked = 0;
        loop {
            while asked < count && waiting.len() < parallel {
                asked += 1;
                let (client, question) = (client.clone(), Arc::clone(&question));
                waiting.spawn(ask_once(client, question, asked));
            }
            match waiting.join_next().await {
                None => return Ok(()),
                Some(Ok(done)) => each(done)?,
                Some(Err(failed)) => {
                    return Err(SendError::Runtime(io::Error::other(failed)).into());
                }
            }
        }
    });
    runtime.shutdown_background();
    driven
}

async fn ask_once(client: Client, question: Arc<Question>, number: u64) -> Done {
    let began = Instant::now();
    let result = ask(&client, &question).await;
    Done {
        number,
        elapsed: began.elapsed(),
        result,
        session: client.sessions().next().and_then(|(_, session)| session),
    }
}

async fn ask(client: &Client, question: &Question) -> Result<Response, Error> {
    let dynamic = |outcome| match outcome {
        DynamicOutcome::Ack(response) | DynamicOutcome::Nak(response) => response,
    };
    let access = match question {
        Question::Accounting(attributes) => {
            return client
                .accounting(Accounting::bare(attributes.clone()))
                .await;
        }
        Question::Coa(attributes) => return client.coa(attributes.clone()).await.map(dynamic),
        Question::Disconnect(attributes) => {
            return client.disconnect(attributes.clone()).await.map(dynamic);
        }
        Question::Status(attributes) => return client.ask(Ask::Status, attributes.clone()).await,
        Question::Bare(attributes) => Access::bare(attributes.clone()),
        Question::Login {
            method,
            user,
            password,
            attributes,
        } => Access::by(*method, user, password).with_all(attributes),
    };
    let outcome = client.access(access).await?;
    Ok(match outcome {
        AccessOutcome::Accept(response)
        | AccessOutcome::Challenge(response)
        | AccessOutcome::Reject(response) => response,
    })
}
