//! Scripts as programs and people send them.
