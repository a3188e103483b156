//! A MikroTik router that is none: RouterOS of several versions for tests and demonstrations.
//!
//! # How it is put together
//!
//! * [`Machine`] is the router: tables, clock, log, users. [`Machine::execute`] does a command as
//!   the console would, for whichever way it came in.
//! * [`Call`], [`Reply`] and [`Trap`] are what goes in and comes out, [`Session`] is who asks.
//! * [`serve`] listens where `/ip/service` says and hands connections to who has registered for
//!   the service with [`serve::Services::register`]; [`api`] is one of them.
//! * A module plugs in with `attach(&machine)`: [`Machine::register`] (own commands),
//!   [`Machine::provide`] (computed menus), [`Machine::guard`] (validation and completion),
//!   [`Machine::intercept`] (faults), [`Machine::set_login_hook`] (RADIUS log-ins). It reads and
//!   writes tables with [`Machine::read`], [`Machine::insert`], [`Machine::update`] and
//!   [`Machine::delete`].
//! * [`Emulator`] puts it all together; the binary is its command line.
//!
//! A certificate that TLS is to use is an item of `/certificate` with the hidden properties
//! `.chain` and `.key` (PEM).

pub mod api;
mod backup;
mod board;
mod call;
mod certificates;
mod clock;
pub mod control;
mod device;
mod emulator;
mod export;
pub mod faults;
mod files;
mod history;
mod inspect;
mod log;
mod login;
mod machine;
mod menu;
mod packages;
mod perform;
mod query;
pub mod radius;
mod record;
mod release;
pub mod rest;
mod schema;
mod script;
mod scripts;
pub mod serve;
mod session;
mod sftp;
mod snmp;
mod state;
mod system;
mod system_backup;
mod table;
mod tamper;
mod tls;
mod value;

pub use crate::{
    board::Board,
    call::{Call, Outcome, Reply, Trap},
    emulator::{Emulator, Options, Ports},
    login::Active,
    machine::{
        Attempt, Change, Event, Guard, Handler, Interceptor, Later, LoginAnswer, LoginHook,
        Machine, Source,
    },
    record::Record,
    release::Release,
    session::{POLICIES, Refused, Session},
};
