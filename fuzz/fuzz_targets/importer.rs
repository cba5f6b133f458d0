#![no_main]

use toonface_fuzz::alloc::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

libfuzzer_sys::fuzz_target!(|data: &[u8]| toonface_fuzz::targets::importer(data));
