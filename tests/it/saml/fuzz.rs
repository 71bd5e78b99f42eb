//! The fuzz target's corpus, and a great many small changes of it, without the fuzzer.

use super::provider;

#[path = "../../fuzz/entry.rs"]
mod entry;

fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus/saml");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn nothing_in_the_corpus_panics_or_is_accepted_without_a_key() {
    let corpus = corpus();
    assert!(corpus.len() >= 30, "{}", corpus.len());
    for input in corpus {
        entry::run(&input);
    }
}

#[test]
fn no_change_of_the_corpus_panics_or_is_accepted_without_a_key() {
    // A fixed sequence, so that a failure comes again.
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap()
    };
    let corpus = corpus();
    for _ in 0..400 {
        let mut input = corpus[next(corpus.len())].clone();
        for _ in 0..=next(3) {
            let place = next(input.len());
            let end = (place + next(6)).min(input.len());
            let other = &corpus[next(corpus.len())];
            let from = next(other.len());
            let with = &other[from..(from + next(40)).min(other.len())];
            input.splice(place..end, with.iter().copied());
        }
        entry::run(&input);
    }
}
