//! All the `unsafe` there is: two system calls and one socket option.
//!
//! The calls go to the kernel directly, with the kernel's own structures. One C library (musl)
//! turns `sendmmsg` into one call per message, which would undo the batching in static builds.

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use crate::layout::{Control, Name};
use crate::{LONGEST, MOST_AT_ONCE};

/// One octet more than the longest datagram, so that one that is too long shows.
pub(crate) const ROOM: usize = LONGEST + 1;

/// One place for an arriving datagram.
pub(crate) struct Slot {
    pub(crate) octets: [u8; ROOM],
    pub(crate) name: Name,
    pub(crate) control: Control,
    pub(crate) filled: Filled,
}

/// What the kernel said about a slot that it filled.
#[derive(Clone, Copy, Default)]
pub(crate) struct Filled {
    /// The datagram's whole length, also of the part that did not fit.
    pub(crate) length: usize,
    pub(crate) name_length: usize,
    pub(crate) control_length: usize,
    pub(crate) truncated: bool,
}

impl Slot {
    pub(crate) const EMPTY: Slot = Slot {
        octets: [0; ROOM],
        name: Name::EMPTY,
        control: Control::EMPTY,
        filled: Filled {
            length: 0,
            name_length: 0,
            control_length: 0,
            truncated: false,
        },
    };
}

/// One datagram to send.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) name: &'a Name,
    pub(crate) name_length: usize,
    pub(crate) control: &'a Control,
    pub(crate) control_length: usize,
}

/// The kernel's `struct user_msghdr`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Header {
    name: *mut c_void,
    name_length: c_int,
    vectors: *mut libc::iovec,
    vector_count: usize,
    control: *mut c_void,
    control_length: usize,
    flags: c_uint,
}

/// The kernel's `struct mmsghdr`.
#[derive(Clone, Copy)]
#[repr(C)]
struct MultiHeader {
    header: Header,
    length: c_uint,
}

// On targets whose C library follows the kernel, a slip in the structures above does not compile.
#[cfg(target_env = "gnu")]
const _: () = {
    assert!(size_of::<MultiHeader>() == size_of::<libc::mmsghdr>());
    assert!(offset_of!(Header, vectors) == offset_of!(libc::msghdr, msg_iov));
    assert!(offset_of!(Header, control_length) == offset_of!(libc::msghdr, msg_controllen));
    assert!(offset_of!(Header, flags) == offset_of!(libc::msghdr, msg_flags));
    assert!(offset_of!(MultiHeader, length) == offset_of!(libc::mmsghdr, msg_len));
};

const NO_VECTOR: libc::iovec = libc::iovec {
    iov_base: ptr::null_mut(),
    iov_len: 0,
};
const NO_HEADER: MultiHeader = MultiHeader {
    header: Header {
        name: ptr::null_mut(),
        name_length: 0,
        vectors: ptr::null_mut(),
        vector_count: 0,
        control: ptr::null_mut(),
        control_length: 0,
        flags: 0,
    },
    length: 0,
};

/// Fills the first slots (at most [`MOST_AT_ONCE`]) with the datagrams that wait, and says how
/// many it filled. `WouldBlock` when none waits.
pub(crate) fn receive(socket: BorrowedFd<'_>, slots: &mut [Slot]) -> io::Result<usize> {
    let mut vectors = [NO_VECTOR; MOST_AT_ONCE];
    let mut headers = [NO_HEADER; MOST_AT_ONCE];
    let mut count: c_long = 0;
    for ((slot, vector), multi) in slots.iter_mut().zip(&mut vectors).zip(&mut headers) {
        *vector = libc::iovec {
            iov_base: slot.octets.as_mut_ptr().cast(),
            iov_len: ROOM,
        };
        multi.header = Header {
            name: slot.name.0.as_mut_ptr().cast(),
            name_length: length(slot.name.0.len()),
            vectors: vector,
            vector_count: 1,
            control: slot.control.0.as_mut_ptr().cast(),
            control_length: slot.control.0.len(),
            flags: 0,
        };
        count += 1;
    }
    // With MSG_TRUNC the kernel tells the whole length of a datagram that did not fit.
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    let filled = retried(|| {
        // SAFETY: `headers` holds at least `count` entries in the kernel's layout. Each points to
        // the octets, name and control of its own slot and to its own vector, with their true
        // lengths; all are borrowed mutably or owned by this frame, so they are valid for writes
        // and alias nothing until the call returns. A null timeout is allowed. The descriptor is
        // open for as long as it is borrowed.
        unsafe {
            libc::syscall(
                libc::SYS_recvmmsg,
                c_long::from(socket.as_raw_fd()),
                headers.as_mut_ptr(),
                count,
                c_long::from(flags),
                ptr::null_mut::<c_void>(),
            )
        }
    })?;
    for (slot, multi) in slots.iter_mut().zip(&headers).take(filled) {
        slot.filled = Filled {
            length: usize::try_from(multi.length).unwrap_or(usize::MAX),
            name_length: usize::try_from(multi.header.name_length).unwrap_or_default(),
            control_length: multi.header.control_length,
            truncated: multi.header.flags & libc::MSG_TRUNC.cast_unsigned() != 0,
        };
    }
    Ok(filled)
}

/// Sends the first messages (at most [`MOST_AT_ONCE`]) and says how many went. The error is that
/// of the first message; an error further on only makes the count smaller.
pub(crate) fn send<'a>(
    socket: BorrowedFd<'_>,
    messages: impl Iterator<Item = Message<'a>>,
) -> io::Result<usize> {
    let mut vectors = [NO_VECTOR; MOST_AT_ONCE];
    let mut headers = [NO_HEADER; MOST_AT_ONCE];
    let mut count: c_long = 0;
    for ((message, vector), multi) in messages.zip(&mut vectors).zip(&mut headers) {
        *vector = libc::iovec {
            iov_base: message.octets.as_ptr().cast_mut().cast(),
            iov_len: message.octets.len(),
        };
        multi.header = Header {
            name: message.name.0.as_ptr().cast_mut().cast(),
            name_length: length(message.name_length),
            vectors: vector,
            vector_count: 1,
            control: message.control.0.as_ptr().cast_mut().cast(),
            control_length: message.control_length.min(message.control.0.len()),
            flags: 0,
        };
        count += 1;
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    retried(|| {
        // SAFETY: `headers` holds at least `count` entries in the kernel's layout, which the
        // kernel writes the sent lengths into. What they point to, it only reads: octets, names
        // and controls are borrowed for 'a and the vectors belong to this frame, with lengths
        // that stay inside them. The descriptor is open for as long as it is borrowed.
        unsafe {
            libc::syscall(
                libc::SYS_sendmmsg,
                c_long::from(socket.as_raw_fd()),
                headers.as_mut_ptr(),
                count,
                c_long::from(flags),
            )
        }
    })
}

/// Sets a socket option whose value is a number.
pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
    value: c_int,
) -> io::Result<()> {
    const LENGTH: libc::socklen_t = 4;
    const { assert!(size_of::<c_int>() == 4) };
    // SAFETY: the pointer is to a whole `c_int` that outlives the call, and the length is its
    // size; the kernel only reads it. The descriptor is open for as long as it is borrowed.
    let code = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            LENGTH,
        )
    };
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The value of a socket option that is a number.
#[cfg(test)]
pub(crate) fn option(socket: BorrowedFd<'_>, level: c_int, option: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut length: libc::socklen_t = 4;
    // SAFETY: the kernel writes at most `length` octets, the size of `value`, and both outlive the
    // call. The descriptor is open for as long as it is borrowed.
    let code = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if code == 0 {
        Ok(value)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A system call's count, asked again when a signal came between.
fn retried(mut call: impl FnMut() -> c_long) -> io::Result<usize> {
    loop {
        if let Ok(count) = usize::try_from(call()) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// The length of a name, which is never above 32.
fn length(octets: usize) -> c_int {
    c_int::try_from(octets.min(size_of::<Name>())).unwrap_or_default()
}
