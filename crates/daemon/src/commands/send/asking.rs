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

use super::{
    SendError,
    eap::{Attempt, Ready},
};
use crate::failure::Failure;

/// What is asked.
pub(crate) enum Question {
    Accounting(AttributeList),
    /// A log-in of attributes alone.
    Bare(AttributeList),
    Coa(AttributeList),
    Disconnect(AttributeList),
    /// A log-in by EAP.
    Eap(Box<Ready>),
    Login {
        method: Method,
        user: String,
        password: Zeroizing<String>,
        attributes: AttributeList,
    },
    Status(AttributeList),
}

/// What the server says in the end.
pub(crate) enum Answer {
    Packet(Response),
    LogIn(Box<Attempt>),
}

/// What came of asking once.
pub(crate) struct Done {
    /// Which of several, from 1.
    pub(crate) number: u64,
    pub(crate) elapsed: Duration,
    pub(crate) result: Result<Answer, Error>,
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

async fn ask(client: &Client, question: &Question) -> Result<Answer, Error> {
    let dynamic = |outcome| match outcome {
        DynamicOutcome::Ack(response) | DynamicOutcome::Nak(response) => response,
    };
    let response = match question {
        Question::Accounting(attributes) => {
            let record = Accounting::bare(attributes.clone());
            client.accounting(record).await?
        }
        Question::Bare(attributes) => access(client, Access::bare(attributes.clone())).await?,
        Question::Coa(attributes) => dynamic(client.coa(attributes.clone()).await?),
        Question::Disconnect(attributes) => dynamic(client.disconnect(attributes.clone()).await?),
        Question::Eap(ready) => {
            return Ok(Answer::LogIn(Box::new(ready.go(client).await?)));
        }
        Question::Login {
            method,
            user,
            password,
            attributes,
        } => {
            let login = Access::by(*method, user, password);
            access(client, login.with_all(attributes)).await?
        }
        Question::Status(attributes) => client.ask(Ask::Status, attributes.clone()).await?,
    };
    Ok(Answer::Packet(response))
}

async fn access(client: &Client, login: Access) -> Result<Response, Error> {
    Ok(match client.access(login).await? {
        AccessOutcome::Accept(response)
        | AccessOutcome::Challenge(response)
        | AccessOutcome::Reject(response) => response,
    })
}
