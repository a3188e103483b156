//! The Extensible Authentication Protocol (RFC 3748): several exchanges until somebody has proven
//! who they are.
//!
//! Nothing here does I/O. The server's side is a [`Conversation`]: it takes the octets of one EAP
//! packet and gives a [`Step`], which is what to send, a [`Question`] that the caller has to look
//! up the [`Answer`] to, or the end. The peer's side is a [`peer::Supplicant`]. A method is a
//! [`Method`] on the one side and a [`peer::Method`] on the other; which ones somebody may try, and
//! on what terms, is an [`Offer`], so that a method from elsewhere is as good as one from here.

mod conversation;
mod failure;
pub mod gtc;
pub mod md5;
mod means;
mod method;
pub mod mschapv2;
pub mod packet;
pub mod peap;
pub mod peer;
pub mod pwd;
mod question;
mod success;
pub mod teap;
pub mod tls;
pub mod ttls;
mod tunnel;

pub use conversation::{Conversation, Ignored, MAX_ROUNDS, Step, Surroundings};
pub use failure::Failure;
pub use means::{Inner, Means};
pub use method::{Context, Method, Next, Offer, Offered};
pub use packet::{Packet, Type};
pub use question::{Answer, Password, Question};
pub use success::{Keepsake, MSK_OCTETS, Msk, Success, Verified};
