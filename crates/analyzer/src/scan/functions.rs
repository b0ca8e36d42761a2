//! Functions: libraries, which are told by name.

use preshard_parser::Str;

use crate::LibraryRow;

/// Most libraries that are listed.
const LISTED_MAX: usize = 1_024;

/// The libraries so far.
#[derive(Default)]
pub(super) struct Functions {
    count: u64,
    listed: Vec<LibraryRow>,
}

impl Functions {
    pub(super) fn add(&mut self, source: &Str<'_>) {
        self.count += 1;
        if self.listed.len() < LISTED_MAX {
            let beginning = source.beginning().ok();
            self.listed.push(LibraryRow {
                name: beginning.and_then(|beginning| library_name(&beginning)),
                source_bytes: source.len(),
            });
        }
    }

    /// How many there are, and the first of them.
    pub(super) fn finish(self) -> (u64, Vec<LibraryRow>) {
        (self.count, self.listed)
    }
}

/// The name in the first line of a library: `#!lua name=mylib` (redis `src/functions.c`,
/// `functionExtractLibMetaData`).
fn library_name(beginning: &[u8]) -> Option<String> {
    let first_line = beginning.split(|&byte| byte == b'\n').next()?;
    let first_line = String::from_utf8_lossy(first_line.strip_prefix(b"#!")?).into_owned();
    let mut words = first_line.split_ascii_whitespace().skip(1);
    words.find_map(|word| word.strip_prefix("name=").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_the_name() {
        let name = |source: &str| library_name(source.as_bytes());
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(name("#!lua name=mylib\nreturn 1"), some("mylib"));
        assert_eq!(name("#!js  api=1  name=a_1\r\n"), some("a_1"));
        assert_eq!(name("#!lua"), None);
        assert_eq!(name("#!name=x\n"), None);
        assert_eq!(name("return 1\n#!lua name=x"), None);
        assert_eq!(name(""), None);
    }
}
