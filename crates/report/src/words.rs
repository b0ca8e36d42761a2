//! The words of the planner, as tables carry them.

use preshard_analyzer::KeyName;
use preshard_planner::plan::Verdict;

/// A verdict, by the word that documents carry.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fits => "fits",
        Verdict::OwnCall => "own-call",
        Verdict::Oversized => "oversized",
        Verdict::PayloadLimit => "payload-limit",
        Verdict::Forbidden => "forbidden",
    }
}

/// Why slots are held, for people.
pub(crate) fn held_reason(word: &str) -> &str {
    match word {
        "oversized-key" => "an oversized key",
        "oversized-unnamed" => "oversized keys that are not listed by name",
        "doubt" => "a doubt about the topology or the files",
        "unassigned" => "no owner",
        "asked-to-stay" => "to stay as asked",
        "no-room" => "no room on the target",
        "no-window" => "longer than a window",
        other => other,
    }
}

/// Text from files and file names as one harmless line: control characters and the marks that reorder
/// text are escaped.
pub fn line(text: &str) -> String {
    KeyName(text.as_bytes().into())
        .escaped()
        .replace("\\\\", "\\")
}

/// A file as people call it: `-` is what stands for standard input on the command line.
pub fn file_name(file: &str) -> String {
    match file {
        "-" => "standard input".to_owned(),
        file => line(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_escaped_once_however_often_it_passes() {
        for text in ["a\u{1b}[2Jb", "back\\slash", "\u{202e}x", "plain"] {
            assert_eq!(line(&line(text)), line(text), "{text:?}");
        }
    }

    #[test]
    fn verdicts_read_alike_in_tables_and_documents() {
        for each in [
            Verdict::Fits,
            Verdict::OwnCall,
            Verdict::Oversized,
            Verdict::PayloadLimit,
            Verdict::Forbidden,
        ] {
            let json = serde_json::to_value(each).expect("a word can be written");
            assert_eq!(json, verdict(each));
        }
    }
}
