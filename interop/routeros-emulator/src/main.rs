//! The emulator's command line.

use std::{io::Write as _, net::IpAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use routeros_emulator::{Board, Emulator, Options, Ports, Release, radius::busy};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// A MikroTik router that is none.
#[derive(Debug, Parser)]
#[command(about)]
struct Arguments {
    /// The version of RouterOS: 6.42, 6.49, 7.9, 7.12, 7.15, 7.18, 7.20 or 7.24
    #[arg(long = "version", value_name = "VERSION", default_value = "7.24", value_parser = release)]
    release: Release,
    /// The device: CHR, hAP-ac2 (6 and 7) or hAP-ax2 (7)
    #[arg(long, value_name = "NAME", value_parser = board)]
    board: Option<Board>,
    /// The address to listen on, which is also the router's own
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Which ports its services listen on
    #[arg(long, value_enum, default_value_t = Where::Free)]
    ports: Where,
    /// A user who may everything
    #[arg(long, default_value = "admin")]
    user: String,
    /// That user's password
    #[arg(long, default_value = "")]
    password: String,
    /// The router's name
    #[arg(long)]
    identity: Option<String>,
    /// Listens on this port of loopback for orders that no router takes (0: any that is free)
    #[arg(long, value_name = "PORT")]
    control: Option<u16>,
    /// Lets so many people come and go, once RADIUS is set up: demo1 with password demo-1 and so on
    #[arg(long, value_name = "NUMBER")]
    busy: Option<usize>,
    /// Where its configuration is kept between runs
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Where {
    /// Those of RouterOS, such as 8728
    Real,
    /// Any that are free, which /ip/service then shows
    Free,
}

fn release(text: &str) -> Result<Release, String> {
    let all = Release::ALL.map(Release::short).join(", ");
    Release::named(text).ok_or_else(|| format!("no such version here; there are {all}"))
}

fn board(text: &str) -> Result<Board, String> {
    let all = Board::ALL.map(Board::name).join(", ");
    Board::named(text).ok_or_else(|| format!("no such device here; there are {all}"))
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nobody is left to tell where standard error is closed.
            drop(writeln!(std::io::stderr(), "routeros-emulator: {message}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let release = arguments.release;
    let options = Options {
        release,
        board: arguments.board.unwrap_or_else(|| Board::usual(release)),
        address: arguments.address,
        ports: match arguments.ports {
            Where::Real => Ports::Real,
            Where::Free => Ports::Free,
        },
        user: arguments.user,
        password: arguments.password,
        identity: arguments.identity,
        state: arguments.state,
    };
    let board = options.board;
    let caught = |error: std::io::Error| format!("signals cannot be caught: {error}");
    let mut end = signal(SignalKind::terminate()).map_err(caught)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(caught)?;
    let emulator = Emulator::start(options).await?;
    if let Some(sessions) = arguments.busy {
        busy::begin(&emulator.radius, sessions);
    }
    let control = match arguments.control {
        Some(port) => Some(emulator.control(port).await?),
        None => None,
    };
    let line = json!({
        "version": release.version(),
        "board": board.name(),
        "identity": emulator.machine.identity(),
        "services": emulator.addresses(),
        "control": control,
    });
    let mut out = std::io::stdout();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|error| format!("standard output: {error}"))?;
    tokio::select! {
        _ = end.recv() => {}
        _ = interrupt.recv() => {}
    }
    emulator.save()
}
