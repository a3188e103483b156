//! The decisions of Portreeve: subscribers, policy, grants, dialects, sessions; no I/O.
