//! The command line: what it understands, and which command does it.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::{
    commands,
    data::DataDir,
    failure::{Exit, Failure},
    output::{Colour, Output, Style},
};

/// A RADIUS server: who may land, on what terms, and what they used.
///
/// Start with `portreeve serve`: the first run makes a data directory ready and says what to do
/// next.
#[derive(Debug, Parser)]
#[command(
    name = "portreeve",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// The data directory [default: ./portreeve-data, or /var/lib/portreeve when installed]
    #[arg(long, global = true, env = "PORTREEVE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; the first run makes the data directory ready
    Serve(commands::serve::Arguments),
    /// Check configuration, permissions and all definitions before the server is started
    Check(commands::check::Arguments),
    /// Say whether the server is answering, and what it has done
    Status(commands::status::Arguments),
    /// Users: who may come in
    #[command(subcommand)]
    User(commands::user::Action),
    /// Devices: what is let in by its MAC address, without a log-in
    #[command(subcommand)]
    Device(commands::device::Action),
    /// NASes: the routers, access points and switches that may ask
    #[command(subcommand)]
    Nas(commands::nas::Action),
    /// Groups: conditions and attributes that several users or devices share
    #[command(subcommand)]
    Group(commands::group::Action),
    /// Sessions: who is connected, and who was
    #[command(subcommand)]
    Session(commands::session::Action),
    /// Certificates: of this server and of its RadSec peers
    #[command(subcommand)]
    Cert(commands::cert::Action),
    /// What a user's device is given so that it joins: profiles, settings, a link that is good once
    Profile(commands::profile::Arguments),
    /// MikroTik routers: set up, looked after, backed up, and put back as they were
    #[command(subcommand)]
    Router(commands::router::Action),
    /// Be a RADIUS client: log in, account, ask whether a server is there, change or end a session
    #[command(subcommand)]
    Send(commands::send::Action),
    /// Load a server and measure how it answers
    #[command(subcommand)]
    Bench(commands::bench::Action),
    /// Say what is in a packet or a capture, and whether it is authentic
    Decode(commands::decode::Arguments),
    /// Look up an attribute by name, part of a name, or number
    Dictionary(commands::dictionary::Arguments),
    /// What was decided: one line for each request
    Log(commands::log::Arguments),
    /// Why a request was answered as it was, in words
    Explain(commands::explain::Arguments),
    /// Print a completion script for a shell
    #[command(hide = true)]
    Completions(commands::completions::Arguments),
    /// Write the manual pages
    #[command(hide = true)]
    Man(commands::man::Arguments),
}

/// How a listing is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Listing {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What every command has at hand.
pub(crate) struct Context<'a> {
    pub(crate) data: DataDir,
    pub(crate) output: Output<'a>,
}

impl Command {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self {
            Self::Serve(arguments) => commands::serve::run(&arguments, context),
            Self::Check(arguments) => commands::check::run(&arguments, context),
            Self::Status(arguments) => commands::status::run(&arguments, context),
            Self::User(action) => commands::user::run(action, context),
            Self::Device(action) => commands::device::run(action, context),
            Self::Nas(action) => commands::nas::run(action, context),
            Self::Group(action) => commands::group::run(action, context),
            Self::Session(action) => commands::session::run(&action, context),
            Self::Cert(action) => commands::cert::run(action, context),
            Self::Profile(arguments) => commands::profile::run(arguments, context),
            Self::Router(action) => commands::router::run(action, context),
            Self::Send(action) => commands::send::run(&action, context),
            Self::Bench(action) => commands::bench::run(&action, context),
            Self::Decode(arguments) => commands::decode::run(&arguments, context),
            Self::Dictionary(arguments) => commands::dictionary::run(&arguments, context),
            Self::Log(arguments) => commands::log::run(&arguments, context),
            Self::Explain(arguments) => commands::explain::run(&arguments, context),
            Self::Completions(arguments) => commands::completions::run(&arguments, context),
            Self::Man(arguments) => commands::man::run(&arguments, context),
        }
    }
}

/// The whole command line as clap describes it: for completions and manual pages.
pub(crate) fn describe() -> clap::Command {
    Cli::command()
}

/// Reads the arguments of this process, does what they say, and reports.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let style = Style::of_stdout();
    let (mut out, mut notes) = (io::stdout().lock(), io::stderr());
    let mut context = Context {
        data: DataDir::locate(cli.data),
        output: Output::new(&mut out, &mut notes, style),
    };
    let done = cli.command.run(&mut context);
    let done = done.and_then(|()| Ok(context.output.flush()?));
    let Err(failure) = done else {
        return Exit::Done.into();
    };
    let words = failure.words();
    if !words.is_empty() {
        let error = Style::of_stderr().paint(Colour::Red, "error:").into_owned();
        // Where even this cannot be said, the exit code still does.
        writeln!(io::stderr(), "{error} {words}").ok();
    }
    failure.exit().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        describe().debug_assert();
    }

    #[test]
    fn the_data_directory_may_be_named_before_or_after_the_command() {
        for arguments in [
            ["portreeve", "--data", "x", "user", "list"],
            ["portreeve", "user", "list", "--data", "x"],
        ] {
            let cli = Cli::try_parse_from(arguments).unwrap();
            assert_eq!(cli.data, Some(PathBuf::from("x")));
        }
    }
}
