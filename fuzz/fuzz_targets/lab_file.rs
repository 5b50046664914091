//! Any bytes as a lab file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    testkit::hostile::lab_file(bytes);
});
