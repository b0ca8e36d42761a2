//! Files compared with each other.

use std::path::PathBuf;

use crate::{FileFacts, Warning};

/// Backups of one cluster are taken together; further apart than this, keys and slots may have moved
/// between them.
const DATES_APART_MAX_S: i64 = 3_600;

/// Warns when the files come from different servers or hold different versions of the format.
pub(super) fn servers_differ(files: &[FileFacts]) -> Option<Warning> {
    let mut servers: Vec<(String, PathBuf)> = Vec::new();
    for file in files {
        let server = match &file.written_by {
            Some(server) => format!("{server}, {}", file.header),
            None => file.header.to_string(),
        };
        if servers.iter().all(|(known, _)| *known != server) {
            servers.push((server, file.path.clone()));
        }
    }
    (servers.len() > 1).then_some(Warning::ServersDiffer { servers })
}

/// Warns when the files were written far apart.
pub(super) fn dates_far_apart(files: &[FileFacts]) -> Option<Warning> {
    let dated = || {
        files
            .iter()
            .filter_map(|file| Some((file, file.written_at_s?)))
    };
    let (oldest, oldest_s) = dated().min_by_key(|&(_, written_at_s)| written_at_s)?;
    let (newest, newest_s) = dated().max_by_key(|&(_, written_at_s)| written_at_s)?;
    (newest_s.saturating_sub(oldest_s) > DATES_APART_MAX_S).then(|| Warning::DatesFarApart {
        oldest: (oldest.path.clone(), oldest_s),
        newest: (newest.path.clone(), newest_s),
    })
}
