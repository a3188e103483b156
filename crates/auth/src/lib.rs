//! RADIUS authentication methods: PAP, CHAP, MS-CHAP and their keys; no I/O.
