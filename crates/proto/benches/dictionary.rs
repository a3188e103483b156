//! How quickly the built-in dictionary is at hand: `cargo bench -p portreeve-proto --bench
//! dictionary`.

#![expect(
    clippy::disallowed_methods,
    reason = "a measurement looks at the clock"
)]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use portreeve_proto::{Dictionary, Oid};

const TIMES: u32 = 20_000;

fn main() {
    let first = timed(1, || {
        black_box(Dictionary::builtin().attribute("Session-Timeout"));
    });
    println!(
        "first use, with a look-up by name  {:>9.1} µs",
        micros(first)
    );
    let number = Oid::new(&[26, 14988, 8]);
    let look_ups: [(&str, &dyn Fn()); 3] = [
        ("by name", &|| {
            black_box(Dictionary::builtin().attribute("Mikrotik-Rate-Limit"));
        }),
        ("by number", &|| {
            black_box(Dictionary::builtin().by_oid(&number));
        }),
        ("an attribute with its value", &|| {
            let _pair = black_box(Dictionary::builtin().pair("Session-Timeout=3600"));
        }),
    ];
    for (title, look_up) in look_ups {
        let each = timed(TIMES, look_up);
        println!("{title:<34} {:>9.1} µs", micros(each));
    }
}

fn timed(times: u32, work: impl Fn()) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed() / times
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
