//! The `portreeve` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    portreeve_daemon::main()
}
