//! Lab files that mean harm are refused with a place, within bounds of memory. The time that they
//! take is measured by the benchmark of the same name.
#![expect(unsafe_code, reason = "an allocator that counts is one")]

mod inputs;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use model::diagnostic::Severity;
use model::read::{Reading, read};
use model::render::render;
use model::source::Source;

/// No lab file may make reading it need more, in bytes.
const MOST_MEMORY: usize = 64 << 20;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// The count is of the whole process: one measurement at a time.
static MEASURING: Mutex<()> = Mutex::new(());

// SAFETY: everything is left to the system's allocator; only sizes are counted beside.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller keeps the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: it was allocated by `alloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What reading gives, and how much memory reading and showing needed at most, in bytes.
fn measured(sources: &[Source]) -> (Reading, usize) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let reading = read(sources);
    let text = render(&reading.diagnostics, sources, false);
    assert!(text.len() < 1 << 20, "{} bytes are shown", text.len());
    (reading, PEAK.load(Relaxed) - before)
}

/// Every error has a place inside of its file; there are not more findings than anybody reads.
fn assert_told(name: &str, reading: &Reading, sources: &[Source]) {
    let most = model::diagnostic::MOST_TOLD + 1;
    assert!(reading.diagnostics.len() <= most, "{name}: too many");
    assert!(reading.lab.is_some() || !reading.diagnostics.is_empty());
    for finding in &reading.diagnostics {
        if finding.severity == Severity::Error {
            assert!(!finding.places.is_empty(), "{name}: {finding:?}");
        }
        for place in &finding.places {
            let span = place.span.expect(name);
            let text = &sources[span.file].text;
            assert!(text.get(span.start..span.end).is_some(), "{name}: {span:?}");
        }
    }
    let key = |span: Option<model::diagnostic::Span>| (span.is_none(), span);
    let places = reading
        .diagnostics
        .iter()
        .map(|finding| key(finding.places.first().and_then(|place| place.span)));
    assert!(places.is_sorted(), "{name}: not in the order of the text");
}

#[test]
fn hostile_files_are_refused_with_a_place_within_bounds_of_memory() {
    let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wrong = Vec::new();
    for input in inputs::all() {
        let sources = [Source::new("lab.yaml", input.bytes)];
        let (reading, memory) = measured(&sources);
        assert_told(input.name, &reading, &sources);
        let codes: Vec<&str> = reading
            .diagnostics
            .iter()
            .map(|finding| finding.code.as_str())
            .collect();
        let as_wanted = if input.codes.is_empty() {
            codes.is_empty() && reading.lab.is_some()
        } else {
            codes.iter().any(|code| input.codes.contains(code))
        };
        if !as_wanted || memory > MOST_MEMORY {
            let wanted = input.codes;
            wrong.push(format!(
                "{}: {codes:?}, wanted {wanted:?}; {memory} bytes",
                input.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_folders_are_refused_with_a_place_within_the_same_memory() {
    let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wrong = Vec::new();
    for folder in inputs::folders() {
        let files = folder.files.into_iter().enumerate();
        let sources: Vec<Source> = files
            .map(|(n, bytes)| Source::new(format!("{n}.yaml"), bytes))
            .collect();
        let (reading, memory) = measured(&sources);
        assert_told(folder.name, &reading, &sources);
        let codes: Vec<&str> = reading
            .diagnostics
            .iter()
            .map(|finding| finding.code.as_str())
            .collect();
        let as_wanted = if folder.codes.is_empty() {
            codes.is_empty() && reading.lab.is_some()
        } else {
            codes.iter().any(|code| folder.codes.contains(code))
        };
        if !as_wanted || memory > MOST_MEMORY {
            wrong.push(format!("{}: {codes:?}; {memory} bytes", folder.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_plans_are_refused_within_bounds_of_memory() {
    let _alone = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let plan = |objects: &str| {
        let spec = format!(
            "{{ \"cluster\": \"a\", \"source\": \"a\", \"namespace\": \"a\", \"objects\": [{objects}] }}"
        );
        let resource = format!("{{ \"address\": \"app/a\", \"spec\": {{ \"objects\": {spec} }} }}");
        format!(
            "{{ \"format\": 1, \"lab\": \"a\", \"lab_id\": \"{}\", \"parent\": 0, \"basis\": \"00\", \"steps\": [{{ \"address\": \"app/a\", \"action\": \"create\", \"impact\": \"none\", \"reason\": \"missing\", \"needs\": [], \"resource\": {resource}, \"inputs\": \"00\" }}] }}",
            "00000000-0000-0000-0000-000000000000"
        )
    };
    let fields = |count: usize| -> String { (0..count).map(|n| format!(",\"{n}\":0")).collect() };
    for (text, good) in [
        (plan("{}"), true),
        (plan(&format!("0{}", ",0".repeat(240_000))), true),
        (plan(&format!("{{}}{}", ",{\"\":{}}".repeat(60_000))), true),
        (plan(&format!("{{\"a\":0{}}}", fields(120_000))), true),
        (plan(&format!("\"{}\"", "x".repeat(8_000_000))), true),
        (plan(&format!("0{}", ",0".repeat(260_000))), false),
        (plan(&"[".repeat(100_000)), false),
        (plan("1e999"), false),
        (plan("{}").replace("\"app/a\"", "\"app/../a\""), false),
        (plan("{}").replace("\"00\"", "\"../..\""), false),
        (
            plan("{}").replace("\"none\"", "\"none\", \"more\": 1"),
            false,
        ),
        (
            plan("{}").replace("\"format\"", "\"lab\": \"a\", \"format\""),
            false,
        ),
    ] {
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let read = model::plan::Plan::from_json(text.as_bytes());
        let memory = PEAK.load(Relaxed) - before;
        assert!(memory <= MOST_MEMORY, "{memory} bytes for {text:.300}");
        assert_eq!(read.is_ok(), good, "{:?} for {text:.300}", read.err());
    }
}
