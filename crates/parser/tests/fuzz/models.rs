//! Memory models that values are weighed for: what they ask to look at must change nothing else.

use std::sync::LazyLock;

use preshard_memory::{Allocator, Model, Settings, Target};

/// One of several models, whichever the bytes fall on.
pub fn model(bytes: &[u8]) -> &'static Model {
    static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
        // Limits so low that some blobs become tables.
        let low = Settings {
            hash_max_entries: 3,
            set_max_intset_entries: 3,
            set_max_entries: 2,
            zset_max_entries: 3,
            list_max_size: 2,
            list_compress_depth: 1,
            ..Settings::default()
        };
        Target::ALL
            .into_iter()
            .flat_map(|target| {
                [Settings::default(), low.clone()]
                    .map(|settings| Model::new(target, Allocator::Je3, settings))
            })
            .collect()
    });
    let sum: usize = bytes.iter().map(|&byte| usize::from(byte)).sum();
    &MODELS[sum % MODELS.len()]
}
