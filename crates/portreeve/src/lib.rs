//! RADIUS server and client library.
