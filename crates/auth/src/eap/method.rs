//! What an EAP method is to the server.

use std::{fmt, sync::Arc};

use portreeve_proto::Random;

use super::{Answer, Failure, Ignored, Question, Success, Type};

/// What goes on around a method when it is called.
pub struct Context<'a> {
    /// Unpredictable octets.
    pub random: &'a mut dyn Random,
    /// The time in seconds since 1970.
    pub unix_s: u64,
    /// The most octets of type data that the next Request may have. At least 64.
    pub room: usize,
    /// The identifier of the Response that came, which is that of the Request it answers.
    pub identifier: u8,
    /// The identifier that the next Request will have.
    pub next_identifier: u8,
    /// Who the peer said it is when the conversation began.
    pub identity: &'a [u8],
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("unix_s", &self.unix_s)
            .field("room", &self.room)
            .field("identifier", &self.identifier)
            .finish_non_exhaustive()
    }
}

/// One run of a method on the server. It is called in order: `begin` once, `receive` for each
/// Response of its type, `answer` once after each [`Next::Ask`]; never again after
/// [`Next::Succeeded`] or [`Next::Failed`].
pub trait Method: Send {
    /// Which method.
    fn kind(&self) -> Type;

    /// The first Request's type data; may already ask.
    fn begin(&mut self, context: &mut Context<'_>) -> Next;

    /// What follows from a Response's type data.
    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Next;

    /// What follows from an answer.
    fn answer(&mut self, answer: Answer, context: &mut Context<'_>) -> Next;
}

/// What a method does next.
#[derive(Debug)]
#[must_use]
pub enum Next {
    /// Send a Request with this type data.
    Request(Vec<u8>),
    /// Ask the caller.
    Ask(Question),
    /// End with access.
    Succeeded(Box<Success>),
    /// End without.
    Failed(Failure),
    /// Nothing: the Response is to be ignored, as if it had not come.
    Ignore(Ignored),
}

impl Next {
    /// Ends with access.
    pub fn success(success: Success) -> Self {
        Self::Succeeded(Box::new(success))
    }

    /// Ends because the peer broke the method's rules.
    pub const fn broken(method: Type, what: &'static str) -> Self {
        Self::Failed(Failure::Broken { method, what })
    }
}

/// A method that may be tried, with all that it needs to run.
pub trait Offered: Send + Sync {
    /// Which method.
    fn kind(&self) -> Type;

    /// A new run of it.
    fn start(&self) -> Box<dyn Method>;
}

/// What somebody may try. The first one is offered at once, the others where the peer asks for
/// them.
#[derive(Clone, Default)]
pub struct Offer {
    methods: Vec<Arc<dyn Offered>>,
}

impl Offer {
    /// Nothing.
    pub const fn nothing() -> Self {
        Self {
            methods: Vec::new(),
        }
    }

    /// The same with one more, after those that are there.
    #[must_use]
    pub fn with(mut self, method: impl Offered + 'static) -> Self {
        self.methods.push(Arc::new(method));
        self
    }

    /// The same with one more that others share.
    #[must_use]
    pub fn with_shared(mut self, method: Arc<dyn Offered>) -> Self {
        self.methods.push(method);
        self
    }

    /// The same without these methods.
    #[must_use]
    pub fn without(&self, kinds: &[Type]) -> Self {
        let mut methods = self.methods.clone();
        methods.retain(|method| !kinds.contains(&method.kind()));
        Self { methods }
    }

    /// What is in it, the first choice first.
    pub fn kinds(&self) -> Vec<Type> {
        self.methods.iter().map(|method| method.kind()).collect()
    }

    pub(super) fn first(&self) -> Option<&dyn Offered> {
        self.methods.first().map(AsRef::as_ref)
    }

    /// The peer's first wish that can be granted.
    pub(super) fn best(&self, wishes: &[Type]) -> Option<&dyn Offered> {
        wishes.iter().find_map(|wish| {
            let method = self.methods.iter().find(|method| method.kind() == *wish);
            method.map(AsRef::as_ref)
        })
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Offer").field(&self.kinds()).finish()
    }
}
