/// Where dictionary files come from. This crate reads no file itself.
///
/// Paths are normalised: no `.`, no `..`, single slashes. An implementation over a file system must
/// itself see to it that a symbolic link does not lead out of where it may read.
pub trait Source {
    /// The text of the file at `path`.
    fn read(&mut self, path: &str) -> Result<String, SourceError>;

    /// Whether `path`, which is absolute and lies outside the folder of the first file, may be
    /// included all the same. By default not.
    fn allows(&self, path: &str) -> bool {
        let _ = path;
        false
    }
}

/// Why a dictionary file cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SourceError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// It is not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// It lies outside the folder that dictionaries may be read from.
    #[error("it lies outside the folder that dictionaries are read from")]
    Outside,
    /// It is larger than the source is willing to read.
    #[error("it is too large")]
    TooLarge,
    /// It is there but cannot be read.
    #[error("it cannot be read")]
    Unreadable,
}

/// The path that `$INCLUDE include` means in the file `from`, normalised.
///
/// A relative `include` is taken from the folder of `from`; an absolute one stands for itself. Pure
/// text: no file system is asked.
///
/// # Errors
/// [`SourceError::Outside`] where `..` climbs above the start, or for a path with a NUL octet;
/// [`SourceError::NotFound`] where the path names no file.
pub fn resolve(from: &str, include: &str) -> Result<String, SourceError> {
    if include.contains('\0') {
        return Err(SourceError::Outside);
    }
    let absolute = include.starts_with('/') || from.starts_with('/');
    let folder = match from.rsplit_once('/') {
        Some((folder, _)) if !include.starts_with('/') => folder,
        _ => "",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(include.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or(SourceError::Outside)?;
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() || include.is_empty() || include.ends_with('/') {
        return Err(SourceError::NotFound);
    }
    let path = parts.join("/");
    Ok(if absolute { format!("/{path}") } else { path })
}

/// The folder that includes from `file` must stay in: for an absolute path its own folder, else the
/// source's whole name space.
pub(super) fn sandbox(file: &str) -> &str {
    match file.rsplit_once('/') {
        Some((folder, _)) if file.starts_with('/') => folder,
        _ => "",
    }
}

/// Whether the normalised `path` lies in the sandbox.
pub(super) fn lies_in(sandbox: &str, path: &str) -> bool {
    if sandbox.is_empty() {
        return !path.starts_with('/');
    }
    path.strip_prefix(sandbox)
        .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_are_relative_to_the_including_file() {
        for (from, include, path) in [
            ("dictionary", "dictionary.rfc2865", "dictionary.rfc2865"),
            ("a/dictionary", "b/./c", "a/b/c"),
            ("a/dictionary", "../b//c", "b/c"),
            ("/etc/d/dictionary", "vendor", "/etc/d/vendor"),
            ("/etc/d/dictionary", "/usr/share/x", "/usr/share/x"),
            ("dictionary", "/usr/share/./x", "/usr/share/x"),
        ] {
            assert_eq!(
                resolve(from, include).as_deref(),
                Ok(path),
                "{from} {include}"
            );
        }
    }

    #[test]
    fn climbing_out_is_refused() {
        for (from, include) in [
            ("dictionary", "../secret"),
            ("a/dictionary", "../../secret"),
            ("a/dictionary", "b/../../../a/x"),
            ("/d", "/../x"),
            ("dictionary", "a\0b"),
        ] {
            assert_eq!(
                resolve(from, include),
                Err(SourceError::Outside),
                "{include:?}"
            );
        }
        assert!(!lies_in(sandbox("/etc/d/dictionary"), "/etc/shadow"));
        assert!(!lies_in(sandbox("/etc/d/dictionary"), "/etc/d2/x"));
        assert!(lies_in(sandbox("/etc/d/dictionary"), "/etc/d/x/y"));
        assert!(!lies_in(sandbox("dictionary"), "/etc/shadow"));
    }

    #[test]
    fn a_folder_is_no_file() {
        for include in ["", ".", "a/", "a/.."] {
            assert_eq!(
                resolve("dictionary", include),
                Err(SourceError::NotFound),
                "{include:?}"
            );
        }
    }
}
