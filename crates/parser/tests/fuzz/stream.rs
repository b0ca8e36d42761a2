//! The body of the fuzz target `stream`: the same on both roads and in both walks, wherever the pieces end.

#[path = "both_roads.rs"]
mod both_roads;
#[path = "walks.rs"]
mod walks;
#[path = "watched.rs"]
mod watched;

use preshard_parser::Detail;

/// A byte for depth and window, one for the number of pieces, the lengths of the pieces, and the snapshot.
pub fn stream(input: &[u8]) {
    let [shape, count, rest @ ..] = input else {
        return;
    };
    let (pieces, bytes) = rest.split_at(usize::from(*count % 8).min(rest.len()));
    // A run of interrupted calls alone would never end.
    let pieces = match pieces.iter().all(|&n| n == 0) {
        true => &[1],
        false => pieces,
    };
    let detail = match shape % 2 {
        0 => Detail::Counts,
        _ => Detail::Elements,
    };
    let window_bytes = 256 + 8 * usize::from(shape / 2);
    both_roads::read_on_both_roads(bytes, pieces, window_bytes, detail);
    walks::walk_both_ways(bytes, window_bytes, detail);
    let (by_runs, _) = walks::by_runs(bytes, window_bytes);
    assert_eq!(by_runs, walks::one_by_one(bytes));
    if detail == Detail::Elements {
        watched::members_on_both_roads(bytes, bytes, window_bytes);
    }
}
