//! Reads assembled files, from memory and as they stream by.

use preshard_parser::{
    DataType, Detail, Entry, Error, RdbReader, RdbStream, RecordKind, ValueFacts,
};

/// Reads a file to its end; each entry measured at both depths.
pub fn read(bytes: &[u8]) -> Result<Vec<Read>, Error> {
    let mut reader = RdbReader::new(bytes)?.with_detail(Detail::Elements);
    let mut entries = Vec::new();
    while let Some(record) = reader.next_record()? {
        if let RecordKind::Entry(entry) = record.kind {
            entries.push(Read::new(&entry)?);
        }
    }
    Ok(entries)
}

/// What was read of an entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub key: String,
    pub data_type: DataType,
    pub value_bytes: u64,
    pub payload_bytes: u64,
    pub payload_is_exact: bool,
    pub counts: ValueFacts,
    pub facts: ValueFacts,
}

impl Read {
    fn new(entry: &Entry<'_>) -> Result<Read, Error> {
        Ok(Read {
            key: String::from_utf8_lossy(&entry.key.bytes()?).into_owned(),
            data_type: entry.value_type.data_type(),
            value_bytes: entry.value.stored_bytes(),
            payload_bytes: entry.payload_bytes(),
            payload_is_exact: entry.payload_is_exact(),
            counts: entry.measure(Detail::Counts)?,
            facts: entry.measure(Detail::Elements)?,
        })
    }
}

pub fn refused(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok(entries) => panic!("read as {entries:?}"),
        Err(error) => error.to_string(),
    }
}

/// Reads a file in pieces of one byte with a window that holds hardly a record.
pub fn read_streamed(bytes: &[u8]) -> Result<Vec<Read>, Error> {
    struct OneByOne<'a>(&'a [u8]);
    impl std::io::Read for OneByOne<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = buffer.len().min(self.0.len()).min(1);
            let (now, later) = self.0.split_at(n);
            buffer[..n].copy_from_slice(now);
            self.0 = later;
            Ok(n)
        }
    }
    let window = preshard_parser::limits::WINDOW_BYTES_MIN;
    let mut stream = RdbStream::with_window(OneByOne(bytes), Detail::Elements, window)?;
    let mut entries = Vec::new();
    let portion = preshard_parser::Portion {
        records: 3,
        bytes: u64::MAX,
    };
    loop {
        let mut records = Vec::new();
        let framed = stream.next_records(portion, &mut records);
        let none = records.is_empty();
        for record in &records {
            if let RecordKind::Entry(entry) = &record.kind {
                entries.push(Read::new(entry)?);
            }
        }
        framed?;
        if none {
            return Ok(entries);
        }
    }
}
