/// Where unpredictable octets come from: an argument, because this crate has no source of its own.
///
/// Any `FnMut(&mut [u8])` that fills the slice is one; outside tests it must be a cryptographic
/// generator (RFC 2865 section 3 asks for authenticators that cannot be predicted).
pub trait Random {
    /// Fills `octets`.
    fn fill(&mut self, octets: &mut [u8]);
}

impl<F: FnMut(&mut [u8])> Random for F {
    fn fill(&mut self, octets: &mut [u8]) {
        self(octets);
    }
}
