//! The binary API.

mod run;
mod talk;
mod word;

use crate::serve::Services;

/// Plugs in.
pub(crate) fn attach(services: &Services) {
    services.register("api", talk::serve);
    services.register("api-ssl", talk::serve);
}

#[cfg(test)]
mod tests;
