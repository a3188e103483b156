//! `portreeve send`, `bench` and `decode` as a tester meets them.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod capture;
#[cfg(test)]
mod decode;
#[cfg(test)]
mod inn;
#[cfg(test)]
mod program;
#[cfg(test)]
mod radsec;
#[cfg(test)]
mod send;
