//! The emulator's binary.

use std::path::{Path, PathBuf};

/// `PORTREEVE_ROUTEROS_BIN`, or what was built beside this test.
pub(crate) fn program() -> PathBuf {
    let path = std::env::var_os("PORTREEVE_ROUTEROS_BIN").map_or_else(
        || {
            let test = std::env::current_exe().unwrap();
            let built = test.parent().and_then(Path::parent).unwrap();
            built.join("routeros-emulator")
        },
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{} is not there: cargo build --package routeros-emulator",
        path.display()
    );
    path
}
