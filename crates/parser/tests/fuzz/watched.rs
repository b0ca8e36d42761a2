//! Two roads to the same members: of values that pass by, and of values in memory.

use std::io::{self, Read};

use preshard_parser::{
    Detail, EntryHead, Error, Member, MemberOptions, MembersError, Portion, RdbReader, RdbStream,
    RecordKind, Watch,
};

const HEAD_BYTES: usize = 9;

/// Watches every entry of `input`, which gives `bytes`, and compares the members with those in memory.
pub fn members_on_both_roads(bytes: &[u8], input: impl Read, window_bytes: usize) {
    let Ok(mut stream) = RdbStream::with_window(input, Detail::SoundElements, window_bytes) else {
        return;
    };
    let (in_memory, expected_error) = in_memory(bytes);
    let mut log = Log::default();
    let portion = Portion {
        records: 8,
        bytes: 1_000,
    };
    let error = loop {
        let mut records = Vec::new();
        match stream.next_watched(portion, &mut log, &mut records) {
            Err(MembersError::Value(error)) => break Some(error),
            Err(MembersError::Sink(error)) => panic!("{error}"),
            Ok(()) if records.is_empty() => break None,
            Ok(()) => {}
        }
    };
    match (expected_error, error) {
        (None, None) => assert_eq!(log.0, in_memory),
        // In memory a broken value is refused before its members are handed out, by whatever passing over
        // it meets; handing them out may meet a broken score before that.
        (Some(expected), Some(error)) => {
            assert!(log.0.starts_with(&in_memory), "{:?}, {in_memory:?}", log.0);
            assert!(error.offset() <= expected.offset(), "{error}; {expected}");
        }
        (expected, error) => panic!("{error:?} while members pass, {expected:?} in memory"),
    }
}

/// All members, and the first error.
fn in_memory(bytes: &[u8]) -> (Vec<String>, Option<Error>) {
    let mut log = Log::default();
    let mut read = || {
        let mut reader = RdbReader::new(bytes)?.with_detail(Detail::SoundElements);
        while let Some(record) = reader.next_record()? {
            if let RecordKind::Entry(entry) = record.kind {
                let begin = log.0.len();
                log.0.push(format!("key at {}", entry.value_offset));
                let options = MemberOptions {
                    head_bytes: HEAD_BYTES,
                    reference_ms: None,
                    memory: None,
                };
                let handed_out = entry.members(options, &mut |member| log.member(member));
                if handed_out.is_err() {
                    log.0.truncate(begin);
                }
                handed_out?;
            }
        }
        Ok(())
    };
    let error = match read() {
        Ok(()) => None,
        Err(MembersError::Value(error)) => Some(error),
        Err(MembersError::Sink(error)) => panic!("{error}"),
    };
    (log.0, error)
}

/// What was handed out, in words.
#[derive(Default)]
struct Log(Vec<String>);

impl Watch for Log {
    fn wants(&self, _entry: &EntryHead<'_>) -> bool {
        true
    }

    fn head_bytes(&self) -> usize {
        HEAD_BYTES
    }

    fn begin(&mut self, entry: &EntryHead<'_>) -> io::Result<()> {
        self.0.push(format!("key at {}", entry.value_offset));
        Ok(())
    }

    fn member(&mut self, member: Member<'_>) -> io::Result<()> {
        self.0.push(format!("{member:?}"));
        Ok(())
    }
}
