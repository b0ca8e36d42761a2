//! The body of the fuzz target `salvage`: what is kept of any bytes can be read, and of a sound snapshot all is.

use preshard_parser::salvage::{Part, Surroundings, Survey, steps_max, survey};
use preshard_parser::{Detail, Error, RdbReader, RecordKind, crc64};

/// The first version that ends with a checksum, its length, and the mark in front of it.
const CHECKSUM_VERSION_MIN: u32 = 5;
const CHECKSUM_BYTES: usize = 8;
const END_MARK: u8 = 0xff;
/// Magic and version.
const HEADER_BYTES: usize = 9;

/// Surveys `bytes` as a snapshot and panics when a law is broken.
pub fn salvage(bytes: &[u8]) {
    let survey = match look(bytes) {
        Ok(survey) => survey,
        Err(error) => return assert_eq!(RdbReader::new(bytes).err(), Some(error)),
    };
    keys(bytes, &survey);
    if let Ok(Some(end)) = sound_end(bytes)
        && end == bytes.len()
    {
        assert_eq!(
            gaps(&survey),
            0,
            "gaps in what is sound: {:?}",
            survey.parts
        );
    }
    if gaps(&survey) == 0 && survey.header.version >= CHECKSUM_VERSION_MIN {
        one_byte(bytes);
    }
}

fn look(bytes: &[u8]) -> Result<Survey, Error> {
    let surroundings = Surroundings {
        detail: Detail::Counts,
        slot_of: &|key| key.iter().map(|&byte| u64::from(byte)).sum::<u64>() % 16_384,
        may_follow: &|_| false,
    };
    survey(bytes, surroundings)
}

fn gaps(survey: &Survey) -> usize {
    let is_gap = |part: &&Part| matches!(part, Part::Gap(_));
    survey.parts.iter().filter(is_gap).count()
}

/// The keys of the sound parts, which with the gaps make up the file.
fn keys(bytes: &[u8], survey: &Survey) -> Vec<(u64, Vec<u8>)> {
    assert!(survey.steps <= steps_max(bytes.len() as u64));
    let (mut at, mut keys, mut ended) = (HEADER_BYTES as u64, Vec::new(), false);
    for part in &survey.parts {
        let range = match part {
            Part::Sound(sound) => {
                let mut reader = sound.reader(bytes, Detail::Counts);
                while reader.offset() < sound.range.end {
                    let record = reader.next_record().expect("sound").expect("a record");
                    ended = matches!(record.kind, RecordKind::End { .. });
                    if let RecordKind::Entry(entry) = record.kind {
                        let name = entry.key.bytes().expect("a sound name");
                        keys.push((entry.db, name.into_owned()));
                        entry.measure(Detail::Counts).expect("a sound value");
                    }
                }
                assert_eq!(
                    reader.offset(),
                    sound.range.end,
                    "a part ends with a record"
                );
                &sound.range
            }
            Part::Gap(gap) => {
                assert!(gap.error.offset() <= bytes.len() as u64, "{}", gap.error);
                &gap.range
            }
        };
        assert!(range.start == at && range.end >= at, "{:?}", survey.parts);
        at = range.end;
    }
    assert!(at == bytes.len() as u64 || ended, "{:?}", survey.parts);
    keys
}

/// An orderly snapshot, given the checksum that it should have and then one byte that it should not, loses at most one
/// key and gets none.
fn one_byte(orderly: &[u8]) {
    let mut bytes = orderly.to_vec();
    let end = bytes.len() - CHECKSUM_BYTES;
    bytes[end..].fill(0);
    // Without a checksum, order and counts are looked at.
    let survey = look(&bytes).expect("a header");
    if gaps(&survey) > 0 || bytes[end - 1] != END_MARK {
        return;
    }
    let mut truth = keys(&bytes, &survey);
    let sum = crc64::checksum(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
    let at = HEADER_BYTES + (sum % (end - HEADER_BYTES) as u64) as usize;
    bytes[at] ^= (sum >> 32) as u8 | 1;
    let damaged = look(&bytes).expect("a header");
    let found = keys(&bytes, &damaged);
    assert_eq!(gaps(&damaged), 1, "{at}: {:?}", damaged.parts);
    assert!(found.len() + 1 >= truth.len(), "{at}: {:?}", damaged.parts);
    truth.sort();
    for key in found {
        assert!(
            truth.binary_search(&key).is_ok(),
            "{at}: {key:?} is made up"
        );
    }
}

/// Where a snapshot ends of which every value is sound and whose checksum is right; `None` when it is wrong or
/// there is none to tell.
fn sound_end(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let mut reader = RdbReader::new(bytes)?;
    while let Some(record) = reader.next_record()? {
        match record.kind {
            RecordKind::Entry(entry) => {
                entry.key.bytes()?;
                entry.measure(Detail::Counts)?;
            }
            RecordKind::End {
                checksum: Some(stored),
            } => {
                let end = usize::try_from(record.range.end).expect("in memory");
                let right = stored != 0 && stored == crc64::checksum(&bytes[..end - 8]);
                return Ok(right.then_some(end));
            }
            _ => {}
        }
    }
    Ok(None)
}
