//! How many files, and with them connections, the system lets the server have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the server needs besides connections: databases, the journal, listeners.
const BESIDES: u64 = 256;

/// Raises the limit to the highest that the system allows, and says where it is below what the
/// configuration asks for.
pub(super) fn raise(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(BESIDES);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays as it is");
            limit.current
        }
    };
    if let Some(current) = current.filter(|current| *current < wanted) {
        tracing::warn!(
            allowed = current,
            connections,
            "the system allows fewer open files than there may be connections: raise the limit \
             (LimitNOFILE= in the systemd unit, or ulimit -n), or lower `tls.connections`"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        raise(1);
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
