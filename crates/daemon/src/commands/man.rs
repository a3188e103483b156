use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Args;
use clap_mangen::Man;

use crate::{
    cli::{self, Context},
    failure::Failure,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory to write portreeve.1 and a page for each command to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut command = cli::describe();
    command.build();
    let mut written = 0;
    write_pages(&command, "portreeve", &arguments.out, &mut written)?;
    let folder = arguments.out.display();
    Ok(context
        .output
        .note(format!("{written} manual pages written to {folder}"))?)
}

fn write_pages(
    command: &clap::Command,
    name: &str,
    folder: &Path,
    written: &mut usize,
) -> Result<(), Failure> {
    let page = Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    let path = folder.join(format!("{name}.1"));
    let failed = |source: io::Error| Failure::Write {
        path: path.clone(),
        source,
    };
    std::fs::write(&path, text).map_err(failed)?;
    *written += 1;
    for inner in command.get_subcommands() {
        if inner.get_name() != "help" && !inner.is_hide_set() {
            write_pages(
                inner,
                &format!("{name}-{}", inner.get_name()),
                folder,
                written,
            )?;
        }
    }
    Ok(())
}
