//! The body of the fuzz target `entry`: laws that hold for any bytes at all.

use preshard_parser::{Detail, Error, RdbReader, RecordKind};

/// Reads `bytes` as a snapshot and panics when a law is broken.
pub fn entry(bytes: &[u8]) {
    let inside = |error: &Error| {
        assert!(
            error.offset() <= bytes.len() as u64,
            "{error} in {} bytes",
            bytes.len()
        );
    };
    let mut reader = match RdbReader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return inside(&error),
    };
    let mut end = 9;
    loop {
        let record = match reader.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(error) => {
                inside(&error);
                assert_eq!(reader.next_record(), Ok(None), "records behind an error");
                return;
            }
        };
        assert_eq!(record.range.start, end, "records do not tile the file");
        end = record.range.end;
        let RecordKind::Entry(entry) = record.kind else {
            continue;
        };
        assert_eq!(
            entry.value_offset + entry.value.stored_bytes(),
            end,
            "the value ends with its record"
        );
        match (
            entry.measure(Detail::Counts),
            entry.measure(Detail::Elements),
        ) {
            (Ok(counted), Ok(walked)) => {
                assert_eq!(
                    (counted.elements, counted.content_bytes),
                    (walked.elements, walked.content_bytes)
                );
            }
            (Err(counted), Err(walked)) => {
                inside(&counted);
                inside(&walked);
            }
            (Ok(_), Err(error)) => inside(&error),
            (Err(error), Ok(_)) => panic!("only the shallow look fails: {error}"),
        }
    }
    assert!(end <= bytes.len() as u64);
}
