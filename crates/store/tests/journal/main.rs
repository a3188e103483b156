//! The journal from outside: what it keeps, what it refuses, and what it survives.

#[cfg(test)]
mod basics;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod simulated;
