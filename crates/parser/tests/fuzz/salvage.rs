//! The body of the fuzz target `salvage`: what is kept of any bytes can be read, and of a sound snapshot all is.

use preshard_parser::salvage::{Part, Surroundings, survey};
use preshard_parser::{Detail, Error, RdbReader, RecordKind, crc64};

/// Surveys `bytes` as a snapshot and panics when a law is broken.
pub fn salvage(bytes: &[u8]) {
    let surroundings = Surroundings {
        detail: Detail::Counts,
        slot_of: &|key| key.iter().map(|&byte| u64::from(byte)).sum::<u64>() % 16_384,
        may_follow: &|_| false,
    };
    let survey = match survey(bytes, surroundings) {
        Ok(survey) => survey,
        Err(error) => return assert_eq!(RdbReader::new(bytes).err(), Some(error)),
    };
    let (mut at, mut gaps) = (9, 0);
    for part in &survey.parts {
        let range = match part {
            Part::Sound(sound) => {
                let mut reader = sound.reader(bytes, Detail::Counts);
                while reader.offset() < sound.range.end {
                    let record = reader.next_record().expect("sound").expect("a record");
                    if let RecordKind::Entry(entry) = record.kind {
                        entry.key.bytes().expect("a sound name");
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
                gaps += 1;
                assert!(gap.error.offset() <= bytes.len() as u64, "{}", gap.error);
                &gap.range
            }
        };
        assert!(
            range.start >= at && range.end >= range.start,
            "{:?}",
            survey.parts
        );
        at = range.end;
    }
    assert!(at <= bytes.len() as u64);
    if let Ok(Some(end)) = sound_end(bytes)
        && end == bytes.len()
    {
        assert_eq!(gaps, 0, "gaps in what is sound: {:?}", survey.parts);
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
