//! What the argument is: hexadecimal digits, a file of them, one packet, or a capture.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
};

use super::{
    capture,
    hex::{self, NotHex},
};

/// The most of standard input that is read, in octets: a capture has to fit into memory there.
const MOST_STDIN: u64 = 256 << 20;
/// The most of a file that is not a capture.
const MOST_FILE: u64 = 16 << 20;
const MAGIC: usize = 4;

/// What there is to decode.
pub(crate) enum Input {
    Capture(Box<dyn Read + Send>),
    Packets(Vec<Vec<u8>>),
}

/// Why there is nothing to decode.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("{from} is empty")]
    Empty { from: Origin },
    #[error("{from}: {error}")]
    Hex { from: Origin, error: NotHex },
    #[error("{from} is too large for a packet or hexadecimal digits, and it is no capture")]
    Large { from: Origin },
    #[error("'{0}' is neither a file nor a packet in hexadecimal digits")]
    Neither(String),
    #[error("cannot read {from}")]
    Read {
        from: Origin,
        #[source]
        source: io::Error,
    },
}

/// Where input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Argument,
    File(PathBuf),
    Stdin,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Argument => f.write_str("the argument"),
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

impl InputError {
    /// Whether the command line is wrong.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Neither(_)
                | Self::Hex {
                    from: Origin::Argument,
                    ..
                }
        )
    }
}

/// Opens what `text` names: `-` is standard input; a file of that name goes before hexadecimal
/// digits.
pub(crate) fn open(text: &str, stdin: &mut dyn Read) -> Result<Input, InputError> {
    if text == "-" {
        let from = Origin::Stdin;
        let octets = read(stdin, MOST_STDIN, &from)?;
        if capture::is_capture(&octets) {
            return Ok(Input::Capture(Box::new(Cursor::new(octets))));
        }
        return packets(octets, from);
    }
    let path = Path::new(text);
    let from = Origin::File(path.to_owned());
    match File::open(path) {
        Ok(file) => from_file(file, from),
        Err(error) if !hex::looks_like(text) && path.exists() => Err(InputError::Read {
            from,
            source: error,
        }),
        Err(_) if hex::looks_like(text) => from_argument(text),
        Err(_) => Err(InputError::Neither(text.to_owned())),
    }
}

/// Reads one packet in hexadecimal digits from an argument.
pub(crate) fn argument(text: &str) -> Result<Vec<u8>, InputError> {
    let packets = hex::packets(text).map_err(|error| InputError::Hex {
        from: Origin::Argument,
        error,
    })?;
    Ok(packets.concat())
}

fn from_argument(text: &str) -> Result<Input, InputError> {
    let from = Origin::Argument;
    let packets = hex::packets(text).map_err(|error| InputError::Hex { from, error })?;
    Ok(Input::Packets(packets))
}

fn from_file(mut file: File, from: Origin) -> Result<Input, InputError> {
    let mut beginning = read(&mut (&mut file).take(MAGIC as u64), MAGIC as u64, &from)?;
    if capture::is_capture(&beginning) {
        let whole = Cursor::new(beginning).chain(file);
        return Ok(Input::Capture(Box::new(Whole(whole))));
    }
    beginning.extend(read(&mut file, MOST_FILE, &from)?);
    packets(beginning, from)
}

fn packets(octets: Vec<u8>, from: Origin) -> Result<Input, InputError> {
    if octets.is_empty() {
        return Err(InputError::Empty { from });
    }
    if let Ok(text) = str::from_utf8(&octets)
        && hex::is_text(text)
    {
        let packets = hex::packets(text).map_err(|error| InputError::Hex { from, error })?;
        return Ok(Input::Packets(packets));
    }
    Ok(Input::Packets(vec![octets]))
}

fn read(source: &mut dyn Read, most: u64, from: &Origin) -> Result<Vec<u8>, InputError> {
    let mut octets = Vec::new();
    source
        .take(most + 1)
        .read_to_end(&mut octets)
        .map_err(|source| InputError::Read {
            from: from.clone(),
            source,
        })?;
    if octets.len() as u64 > most {
        return Err(InputError::Large { from: from.clone() });
    }
    Ok(octets)
}

/// Fills the buffer as far as it can: the reader of captures takes a short first read for the whole
/// file.
struct Whole<R>(R);

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn opened(text: &str, stdin: &[u8]) -> Result<Vec<Vec<u8>>, InputError> {
        let mut stdin = stdin;
        open(text, &mut stdin).map(|input| match input {
            Input::Packets(packets) => packets,
            Input::Capture(mut source) => {
                let mut octets = b"capture ".to_vec();
                source.read_to_end(&mut octets).unwrap();
                vec![octets]
            }
        })
    }

    #[test]
    fn every_form_is_told_by_its_look() {
        let digits = file(b"01:02 03\n04");
        let binary = file(&[1, 2, 3, 4, 0xff]);
        let capture = file(&[0xd4, 0xc3, 0xb2, 0xa1, 9]);
        for (text, stdin, expected) in [
            ("01020304", &b""[..], vec![1, 2, 3, 4]),
            (digits.path().to_str().unwrap(), b"", vec![1, 2, 3, 4]),
            (binary.path().to_str().unwrap(), b"", vec![1, 2, 3, 4, 0xff]),
            ("-", b"01020304", vec![1, 2, 3, 4]),
            ("-", &[1, 2, 3, 4, 0xff], vec![1, 2, 3, 4, 0xff]),
            (
                capture.path().to_str().unwrap(),
                b"",
                b"capture \xd4\xc3\xb2\xa1\x09".to_vec(),
            ),
        ] {
            assert_eq!(opened(text, stdin).unwrap(), [expected], "{text}");
        }
    }

    #[test]
    fn what_is_nothing_is_said() {
        for (text, usage) in [("no such file", true), ("010203045", true), ("-", false)] {
            let error = opened(text, b"").unwrap_err();
            assert_eq!(error.is_usage(), usage, "{error}");
        }
        assert!(matches!(opened("/", b""), Err(InputError::Read { .. })));
    }
}
