//! What a conversation has to know of somebody, and what it may be told.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Means, Offer};
use crate::Credential;

/// What a conversation asks its caller before it can go on. All names are as the peer gave them
/// and need not be text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Somebody begins. To be answered by [`Answer::Offer`], the same whether or not they are
    /// known: a stranger must not learn who is.
    Begin {
        /// Who they say they are; often anonymous (RFC 7542 section 2.4).
        identity: Vec<u8>,
    },
    /// Their response is to be checked against what is stored. To be answered by
    /// [`Answer::Credential`].
    Credential {
        /// Who they say they are.
        identity: Vec<u8>,
        /// How they prove it.
        means: Means,
    },
    /// Whether this is their password. To be answered by [`Answer::Right`] or [`Answer::Wrong`].
    Password {
        /// Who they say they are.
        identity: Vec<u8>,
        /// What they gave.
        password: Password,
        /// How they gave it.
        means: Means,
    },
    /// Whether this certificate is somebody's who may come in. Its chain has been verified; its
    /// owner, its revocation by other means than the lists at hand, and the rest of policy have
    /// not. To be answered by [`Answer::Right`] with the owner's name, or [`Answer::Wrong`].
    Certificate {
        /// Who they say they are.
        identity: Vec<u8>,
        /// The chain in DER, the owner's own certificate first.
        chain: Arc<[Vec<u8>]>,
        /// How it was presented.
        means: Means,
    },
    /// Whether somebody who proved themselves before may come in again without doing so. To be
    /// answered by [`Answer::Right`] with their name; [`Answer::Wrong`] makes them prove
    /// themselves once more where the method can, and refuses them else.
    Resumed {
        /// Who they were found to be.
        identity: Vec<u8>,
        /// The chain they presented then, if any.
        chain: Arc<[Vec<u8>]>,
        /// How they proved it.
        means: Means,
        /// What [`Success::keep`](super::Success::keep) was given.
        note: Vec<u8>,
    },
}

/// What a conversation is told. What does not answer its question counts as [`Answer::Refused`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// What may be tried.
    Offer(Arc<Offer>),
    /// What is stored of them.
    Credential(Credential),
    /// It is theirs, and this is who they are.
    Right(
        /// The name they are known by.
        Vec<u8>,
    ),
    /// It is not theirs.
    Wrong,
    /// They may not come in, whatever they prove. The peer is told no more than of a wrong
    /// password.
    Refused,
}

/// A password that somebody gave. Prints redacted and wipes its memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes a password.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(octets.into()))
    }

    /// What it is.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
