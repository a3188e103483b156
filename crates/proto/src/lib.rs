//! The RADIUS wire: packets, attributes, dictionary, authenticators, duplicates; no I/O.
