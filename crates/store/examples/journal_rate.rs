//! How many records a second the journal makes durable, by the number of concurrent appenders.
//!
//! `cargo run --release -p portreeve-store --example journal_rate [DIRECTORY] [SECONDS]`

use std::{
    env,
    error::Error,
    io::{Write as _, stdout},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use portreeve_store::journal::{AppendError, Journal, Options};

/// About an Interim-Update with what is kept beside it.
const PAYLOAD: usize = 250;

/// How many records an appender has on the way at once: one, or as many as a worker's batch.
const DEPTH: [usize; 2] = [1, 32];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let root = arguments.next().map_or_else(env::temp_dir, PathBuf::from);
    let seconds = arguments
        .next()
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or(3);
    let dir = root.join(format!("journal-rate-{}", std::process::id()));
    let mut out = stdout();
    writeln!(
        out,
        "appenders  on the way  records/s  records/sync  us/record"
    )?;
    for appenders in [1, 16, 256] {
        for depth in DEPTH {
            let rate = measure(&dir, appenders, depth, Duration::from_secs(seconds))?;
            writeln!(
                out,
                "{appenders:9}  {:10}  {:9.0}  {:12.1}  {:9.2}",
                appenders * depth,
                rate.records,
                rate.together,
                1e6 / rate.records
            )?;
        }
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

struct Rate {
    records: f64,
    together: f64,
}

fn measure(
    dir: &Path,
    appenders: usize,
    depth: usize,
    time: Duration,
) -> Result<Rate, Box<dyn Error>> {
    let (journal, _) = Journal::open(dir, Options::default())?;
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let outcome = thread::scope(|scope| {
        let work = || append(&journal, depth, &stop);
        let workers: Vec<_> = (0..appenders).map(|_| scope.spawn(work)).collect();
        thread::sleep(time);
        stop.store(true, Relaxed);
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or(Err(AppendError::Closed)))
    });
    let seconds = begun.elapsed().as_secs_f64();
    outcome?;
    let counts = journal.counts();
    let end = journal.end();
    journal.reader().release(end)?;
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    Ok(Rate {
        records: number(counts.appended) / seconds,
        together: number(counts.appended) / number(counts.groups),
    })
}

fn append(journal: &Journal, depth: usize, stop: &AtomicBool) -> Result<(), AppendError> {
    while !stop.load(Relaxed) {
        let waiting: Vec<_> = (0..depth)
            .map(|_| journal.append(vec![0xa5; PAYLOAD]))
            .collect();
        for appended in waiting {
            appended.wait()?;
        }
    }
    Ok(())
}
