//! The body of the fuzz target `entry`: laws that hold for any bytes at all.

use preshard_memory::Model;
use preshard_parser::{
    DataType, Detail, Entry, Error, ErrorKind, MeasureOptions, Member, MemberOptions, MembersError,
    RdbReader, RecordKind, ValueFacts,
};

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
        look_where_sound(&entry);
        hand_out(&entry, crate::models::model(bytes));
    }
    assert!(end <= bytes.len() as u64);
}

/// A look into sound blobs fails where the shallow look does, and tells what the deep look does unless that
/// fails.
fn look_where_sound(entry: &Entry<'_>) {
    let counted = entry.measure(Detail::Counts);
    let sound = entry.measure(Detail::SoundElements);
    match entry.measure(Detail::Elements) {
        Ok(walked) => assert_eq!(sound, Ok(walked)),
        Err(error) => {
            assert_eq!(sound.clone().map(shallow), counted.map(shallow));
            if !sound.is_ok_and(|facts| facts.broken_nodes > 0)
                && entry.measure(Detail::Counts).is_ok()
            {
                inside_a_string(&error);
            }
        }
    }
}

/// What only those find wrong who read strings: a score, and what does not decompress.
fn inside_a_string(error: &Error) {
    let ErrorKind::Corrupt { expected, .. } = error.kind() else {
        panic!("{error}");
    };
    let strings = [
        "score",
        "reference into the string",
        "structure within its string",
        "compressed string of its stated length",
    ];
    assert!(strings.contains(expected), "{error}");
}

/// Members are handed out where a look into sound blobs succeeds and the strings can be read, and as many as it
/// counts.
fn hand_out(entry: &Entry<'_>, model: &Model) {
    let options = MemberOptions {
        head_bytes: 16,
        reference_ms: None,
        memory: Some(model),
    };
    let (mut elements, mut string_bytes, mut fields, mut broken) = (0, 0, 0, 0);
    let facts = entry.members(options, &mut |member| {
        match member {
            Member::Piece { bytes, .. } => string_bytes += bytes.len() as u64,
            Member::Item { .. }
            | Member::SetMember { .. }
            | Member::ZsetMember { .. }
            | Member::FieldValue { .. }
            | Member::ArrayElement { .. }
            | Member::Path { .. } => elements += 1,
            Member::Field { .. } => fields += 1,
            Member::Broken(_) => broken += 1,
            _ => {}
        }
        Ok(())
    });
    let weighing = MeasureOptions {
        memory: Some(model),
        ..Detail::SoundElements.into()
    };
    match (facts, entry.measure(weighing)) {
        (Ok(facts), Ok(sound)) => {
            assert_eq!(facts.broken_nodes, broken);
            // Scores are looked at by whoever hands them out.
            if broken == sound.broken_nodes {
                assert_eq!(facts, sound);
            } else {
                assert!(broken > sound.broken_nodes);
                assert_eq!(shallow(facts), shallow(sound));
            }
            // A count in front of a blob may be false, and that of a stream is its own.
            let data_type = entry.value_type.data_type();
            let is_told = facts.nodes > 0 || data_type == DataType::Stream;
            if !is_told && facts.module.is_none() {
                // Each path has a field at least.
                let fields = match data_type {
                    DataType::PathHash => {
                        assert!(fields >= elements);
                        0
                    }
                    _ => fields,
                };
                assert_eq!(facts.elements, Some(elements + fields + string_bytes));
            }
        }
        (Ok(_), Err(error)) => panic!("members out of a value that cannot be counted: {error}"),
        (Err(MembersError::Value(_)), Err(_)) => {}
        (Err(MembersError::Value(error)), Ok(_)) => inside_a_string(&error),
        (Err(MembersError::Sink(error)), _) => panic!("nothing refuses members: {error}"),
    }
}

/// What does not depend on looking into blobs.
fn shallow(facts: ValueFacts) -> ValueFacts {
    ValueFacts {
        element_bytes: None,
        largest_element_bytes: None,
        broken_nodes: 0,
        weight: None,
        ..facts
    }
}
