#![no_main]
#![expect(missing_docs, reason = "the target is documented where it is defined")]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portreeve_fuzz::routeros(input));
