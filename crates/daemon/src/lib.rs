//! The portreeve server and its command line.
