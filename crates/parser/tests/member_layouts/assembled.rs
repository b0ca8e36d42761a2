//! Values written out byte by byte from the format's description, and their members in a few words.

use preshard_parser::{
    Detail, MeasureOptions, Member, MemberOptions, MembersError, RdbReader, RecordKind, Sample,
    ValueFacts,
};

/// A member in a few words.
pub fn words(member: &Member<'_>) -> String {
    let text = |sample: &Sample<'_>| {
        let cut = if sample.is_cut() {
            format!("..{}", sample.len)
        } else {
            String::new()
        };
        format!("{}{cut}", sample.head.escape_ascii())
    };
    let at = |ms: &Option<i64>| ms.map_or(String::new(), |ms| format!(" @{ms}"));
    match member {
        Member::Piece { at, bytes } => format!("{at}:{}", bytes.escape_ascii()),
        Member::Item { index, item } => format!("{index} {}", text(item)),
        Member::SetMember { member } => text(member),
        Member::ZsetMember { member, score } => format!("{} {score}", text(member)),
        Member::Field {
            field,
            value,
            expires_at_ms,
        } => format!("{}={}{}", text(field), text(value), at(expires_at_ms)),
        Member::StreamEntry(entry) => {
            let pairs: Vec<String> = entry
                .shown
                .iter()
                .map(|(name, value)| format!("{}={}", text(&name), text(&value)))
                .collect();
            let deleted = if entry.deleted { " deleted" } else { "" };
            format!(
                "{}{deleted} {} of {} bytes: {}",
                entry.id,
                entry.fields,
                entry.bytes,
                pairs.join(" ")
            )
        }
        Member::Broken(error) => format!("BROKEN {error}"),
        other => format!("{other:?}"),
    }
}

pub fn look(
    header: &[u8],
    value_type: u8,
    value: &[u8],
    head_bytes: usize,
) -> Result<(Vec<String>, ValueFacts), MembersError> {
    let bytes = [header, &[value_type, 1, b'k'], value, &[0xff], &[0; 8]].concat();
    let mut reader = RdbReader::new(&bytes)?;
    let record = reader.next_record()?.expect("an entry");
    let RecordKind::Entry(entry) = record.kind else {
        panic!("{:?} is no entry", record.kind)
    };
    let options = MemberOptions {
        head_bytes,
        reference_ms: Some(1_000),
        memory: None,
    };
    let mut seen = Vec::new();
    let facts = entry.members(options, &mut |member| {
        seen.push(words(&member));
        Ok(())
    })?;
    let measured = entry.measure(MeasureOptions {
        detail: Detail::SoundElements,
        reference_ms: Some(1_000),
        memory: None,
    })?;
    let broken = seen
        .iter()
        .filter(|line| line.starts_with("BROKEN"))
        .count() as u64;
    assert_eq!(facts.broken_nodes, broken);
    // Scores are looked at by whoever hands them out.
    if measured.broken_nodes == broken {
        assert_eq!(facts, measured);
    }
    Ok((seen, facts))
}

/// The members of a value of one blob that is broken, and how.
pub fn broken(header: &[u8], value_type: u8, value: &[u8]) -> (Vec<String>, String) {
    let (mut seen, facts) = look(header, value_type, value, 64).expect("countable");
    let how = seen
        .iter()
        .position(|line| line.starts_with("BROKEN"))
        .expect("broken");
    let how = seen.remove(how);
    assert_eq!(
        (
            facts.broken_nodes,
            facts.element_bytes,
            facts.largest_element_bytes
        ),
        (1, None, None),
        "{how}"
    );
    (seen, how)
}

/// The members of a value whose strings all fit into 64 bytes.
pub fn members(header: &[u8], value_type: u8, value: &[u8]) -> Vec<String> {
    look(header, value_type, value, 64).expect("sound").0
}

/// A string in front of which its length stands.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).expect("short");
    [&[0x80][..], &len.to_be_bytes(), bytes].concat()
}

/// The same string, compressed by another implementation; literal runs where that gains nothing.
pub fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; bytes.len() + bytes.len() / 16 + 64];
    match lzf_rust::compress(bytes, &mut out) {
        Ok(len) => out.truncate(len),
        Err(_) => {
            let run = |run: &[u8]| [&[u8::try_from(run.len() - 1).expect("32")], run].concat();
            out = bytes.chunks(32).flat_map(run).collect();
        }
    }
    let length = |len: usize| {
        [
            &[0x80][..],
            &u32::try_from(len).expect("short").to_be_bytes(),
        ]
        .concat()
    };
    [&[0xc3][..], &length(out.len()), &length(bytes.len()), &out].concat()
}

/// Entries with their back lengths behind a header that tells their number.
pub fn listpack(entries: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries {
        body.extend(*entry);
        match entry.len() {
            len @ 0..=127 => body.push(u8::try_from(len).expect("7 bits")),
            len => body.extend([
                u8::try_from(len >> 7).expect("14 bits"),
                (len & 0x7f) as u8 | 0x80,
            ]),
        }
    }
    let total = u32::try_from(6 + body.len() + 1).expect("short");
    let count = u16::try_from(entries.len()).expect("short");
    [
        &total.to_le_bytes()[..],
        &count.to_le_bytes(),
        &body,
        &[0xff],
    ]
    .concat()
}

/// A listpack's string of up to 63 bytes.
pub fn text(bytes: &[u8]) -> Vec<u8> {
    [&[0x80 | u8::try_from(bytes.len()).expect("6 bits")], bytes].concat()
}

/// A listpack's integer of 64 bits.
pub fn int64(n: i64) -> Vec<u8> {
    [&[0xf4][..], &n.to_le_bytes()].concat()
}

pub fn ziplist(entries: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries {
        body.push(0);
        body.extend(*entry);
    }
    let total = u32::try_from(10 + body.len() + 1).expect("short");
    let count = u16::try_from(entries.len()).expect("short");
    [
        &total.to_le_bytes()[..],
        &[0; 4],
        &count.to_le_bytes(),
        &body,
        &[0xff],
    ]
    .concat()
}
