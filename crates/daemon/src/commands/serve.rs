use std::path::PathBuf;

use clap::Args;

use crate::{cli::Context, config::Config, failure::Failure, serving};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file [default: portreeve.toml in the data directory, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    let config = Config::of(&context.data, arguments.config.as_deref())?;
    serving::run(&config, &context.data, &mut context.output)
}
