//! The router's files over SFTP.

use std::{collections::HashMap, sync::Arc};

use russh_sftp::{
    protocol::{Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode},
    server::Handler,
};

use crate::{Machine, Record, files};

/// The most that one read gives.
const LARGEST_READ: usize = 32_768;
/// The largest file that is taken.
const LARGEST_FILE: usize = 256 << 20;

/// What a handle stands for.
enum Open {
    Folder { name: String, told: bool },
    Reading(Vec<u8>),
    Writing { name: String, bytes: Vec<u8> },
}

/// One SFTP session.
pub(super) struct Files {
    machine: Arc<Machine>,
    open: HashMap<String, Open>,
    next: u64,
}

impl Files {
    pub(super) fn new(machine: &Arc<Machine>) -> Self {
        Self {
            machine: Arc::clone(machine),
            open: HashMap::new(),
            next: 0,
        }
    }

    fn keep(&mut self, id: u32, open: Open) -> Handle {
        self.next += 1;
        let handle = self.next.to_string();
        self.open.insert(handle.clone(), open);
        Handle { id, handle }
    }

    fn attributes(&self, path: &str) -> Result<FileAttributes, StatusCode> {
        let name = plain(path);
        if name.is_empty() || self.is_folder(&name) {
            return Ok(folder());
        }
        let contents = files::contents(&self.machine, &name).ok_or(StatusCode::NoSuchFile)?;
        Ok(file(contents.len()))
    }

    /// A folder is there by itself, or because of what is in it.
    fn is_folder(&self, name: &str) -> bool {
        let start = format!("{name}/");
        self.machine.stored("/file").iter().any(|item| {
            let known = item.text("name");
            known.starts_with(&start) || (known == name && item.text("type") == "directory")
        })
    }
}

/// A path from the root, without slashes at its ends, `.` and `..` worked out.
fn plain(path: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in path.split('/') {
        match word {
            "" | "." => {}
            ".." => {
                words.pop();
            }
            word => words.push(word),
        }
    }
    words.join("/")
}

fn folder() -> FileAttributes {
    FileAttributes {
        permissions: Some(0o40_755),
        size: Some(0),
        ..FileAttributes::empty()
    }
}

fn file(size: usize) -> FileAttributes {
    FileAttributes {
        permissions: Some(0o100_644),
        size: u64::try_from(size).ok(),
        ..FileAttributes::empty()
    }
}

fn done(id: u32) -> Status {
    Status {
        id,
        status_code: StatusCode::Ok,
        error_message: "Ok".into(),
        language_tag: "en".into(),
    }
}

impl Handler for Files {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, StatusCode> {
        let name = File::dummy(format!("/{}", plain(&path)));
        Ok(Name {
            id,
            files: vec![name],
        })
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        let attrs = self.attributes(&path)?;
        Ok(Attrs { id, attrs })
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        self.stat(id, path).await
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, StatusCode> {
        let attrs = match self.open.get(&handle).ok_or(StatusCode::Failure)? {
            Open::Folder { .. } => folder(),
            Open::Reading(bytes) | Open::Writing { bytes, .. } => file(bytes.len()),
        };
        Ok(Attrs { id, attrs })
    }

    async fn setstat(
        &mut self,
        id: u32,
        _: String,
        _: FileAttributes,
    ) -> Result<Status, StatusCode> {
        Ok(done(id))
    }

    async fn fsetstat(
        &mut self,
        id: u32,
        _: String,
        _: FileAttributes,
    ) -> Result<Status, StatusCode> {
        Ok(done(id))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, StatusCode> {
        let name = plain(&path);
        if !name.is_empty() && !self.is_folder(&name) {
            return Err(StatusCode::NoSuchFile);
        }
        Ok(self.keep(id, Open::Folder { name, told: false }))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, StatusCode> {
        let Some(Open::Folder { name, told }) = self.open.get_mut(&handle) else {
            return Err(StatusCode::Failure);
        };
        if std::mem::replace(told, true) {
            return Err(StatusCode::Eof);
        }
        let start = if name.is_empty() {
            String::new()
        } else {
            format!("{name}/")
        };
        let mut files: Vec<File> = Vec::new();
        for item in self.machine.stored("/file") {
            let Some(rest) = item.text("name").strip_prefix(&*start) else {
                continue;
            };
            let entry = match rest.split_once('/') {
                Some((folder_name, _)) => File::new(folder_name, folder()),
                None if item.text("type") == "directory" => File::new(rest, folder()),
                None => File::new(rest, file(files::data(&item).len())),
            };
            if !files.iter().any(|known| known.filename == entry.filename) {
                files.push(entry);
            }
        }
        Ok(Name { id, files })
    }

    async fn open(
        &mut self,
        id: u32,
        path: String,
        flags: OpenFlags,
        _: FileAttributes,
    ) -> Result<Handle, StatusCode> {
        let name = plain(&path);
        let known = files::contents(&self.machine, &name);
        if !flags.contains(OpenFlags::WRITE) {
            let bytes = known.ok_or(StatusCode::NoSuchFile)?;
            return Ok(self.keep(id, Open::Reading(bytes)));
        }
        if known.is_none() && !flags.contains(OpenFlags::CREATE) {
            return Err(StatusCode::NoSuchFile);
        }
        let truncated = flags.contains(OpenFlags::TRUNCATE);
        let bytes = known.filter(|_| !truncated).unwrap_or_default();
        Ok(self.keep(id, Open::Writing { name, bytes }))
    }

    async fn read(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        len: u32,
    ) -> Result<Data, StatusCode> {
        let Some(Open::Reading(bytes)) = self.open.get(&handle) else {
            return Err(StatusCode::Failure);
        };
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = bytes.get(from..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(StatusCode::Eof)?;
        let most = usize::try_from(len)
            .unwrap_or(LARGEST_READ)
            .min(LARGEST_READ);
        let data = rest[..rest.len().min(most)].to_vec();
        Ok(Data { id, data })
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Status, StatusCode> {
        let Some(Open::Writing { bytes, .. }) = self.open.get_mut(&handle) else {
            return Err(StatusCode::Failure);
        };
        let from = usize::try_from(offset).map_err(|_| StatusCode::Failure)?;
        let to = from.saturating_add(data.len());
        if to > LARGEST_FILE {
            return Err(StatusCode::Failure);
        }
        if bytes.len() < to {
            bytes.resize(to, 0);
        }
        bytes[from..to].copy_from_slice(&data);
        Ok(done(id))
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, StatusCode> {
        if let Some(Open::Writing { name, bytes }) = self.open.remove(&handle) {
            files::write(&self.machine, &name, &bytes).map_err(|_| StatusCode::Failure)?;
        }
        Ok(done(id))
    }

    async fn remove(&mut self, id: u32, path: String) -> Result<Status, StatusCode> {
        if files::remove(&self.machine, &plain(&path)) {
            Ok(done(id))
        } else {
            Err(StatusCode::NoSuchFile)
        }
    }

    async fn mkdir(
        &mut self,
        id: u32,
        path: String,
        _: FileAttributes,
    ) -> Result<Status, StatusCode> {
        let name = plain(&path);
        if !self.is_folder(&name) {
            let values = Record::new().with("name", name).with("type", "directory");
            self.machine.insert("/file", values, false);
        }
        Ok(done(id))
    }

    async fn rename(&mut self, id: u32, from: String, to: String) -> Result<Status, StatusCode> {
        let (from, to) = (plain(&from), plain(&to));
        let bytes = files::contents(&self.machine, &from).ok_or(StatusCode::NoSuchFile)?;
        files::write(&self.machine, &to, &bytes).map_err(|_| StatusCode::Failure)?;
        files::remove(&self.machine, &from);
        Ok(done(id))
    }
}
