use clap::Args;
use clap_complete::Shell;

use crate::{
    cli::{self, Context},
    failure::Failure,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut cli::describe(),
        "portreeve",
        &mut script,
    );
    Ok(context.output.raw(&script)?)
}
