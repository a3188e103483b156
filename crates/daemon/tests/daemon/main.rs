//! The `portreeve` program as its users meet it: the built binary, its command line, and a server
//! on free ports.

#[cfg(test)]
mod administration;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod decisions;
mod devices;
#[cfg(test)]
mod people;
#[cfg(test)]
mod radsec;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod site;
#[cfg(test)]
mod trouble;
