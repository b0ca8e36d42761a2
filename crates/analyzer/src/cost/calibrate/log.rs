//! Measured durations, as somebody wrote them down.
//!
//! Two forms are read, told apart by their first character:
//! - CSV with a header: a row is one MIGRATE call that carried `keys` keys (1 where the column is missing) of one shape.
//! - NDJSON, the run log of a runbook: a line with `"event": "migrate"` is one call, what it carried is summed up by
//!   class. Other lines are passed over, and so are calls that did not end with `"result": "OK"`, whose time is that of
//!   something else.

use preshard_parser::{DataType, Encoding, ValueFacts};
use serde::Deserialize;

use crate::cost::class::{CostClass, Shape};
use crate::cost::file::ProfileFile;

/// One MIGRATE call that was timed.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The line it stands on.
    pub line: u64,
    /// What it carried, by class.
    pub carried: Vec<Carried>,
    /// How long the source stopped.
    pub block_ns: f64,
    /// How long the target stopped for the RESTOREs together, where that was timed.
    pub restore_ns: Option<f64>,
}

/// Keys of one class in a call, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// The class.
    pub class: CostClass,
    /// Keys.
    pub keys: u64,
    /// Their elements.
    pub elements: u64,
    /// Their bytes that count for the class: of strings, lists, streams and blobs all, of tables those of members, fields
    /// and values longer than 20 bytes, of modules the payload.
    pub bytes: u64,
    /// Pending entries, consumers and groups of streams.
    pub marks: u64,
}

/// The calls of a log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Log {
    /// In the order of the log.
    pub measurements: Vec<Measurement>,
    /// Lines that tell of something else, or of calls that failed.
    pub passed_over: u64,
}

/// Why a log cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// One of its lines is no measurement.
    #[error("line {line}: {message}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// There is no measured call in it.
    #[error("no measured call in it")]
    Empty,
}

/// The columns that a row may have.
const COLUMNS: [&str; 12] = [
    "class",
    "type",
    "encoding",
    "keys",
    "elements",
    "content_bytes",
    "compressible_bytes",
    "payload_bytes",
    "fields_with_ttl",
    "pending",
    "block_ms",
    "restore_ms",
];

/// A column's place in [`COLUMNS`], by a name that is there.
type Cells<'r> = [Option<&'r str>; COLUMNS.len()];

impl Log {
    /// Reads a log in either form; `base` tells where strings count as compressed and blobs as tables.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn read(text: &str, base: &ProfileFile) -> Result<Log, LogError> {
        let text = text.trim_start_matches('\u{feff}');
        let log = match text.trim_start().starts_with('{') {
            true => read_run_log(text),
            false => read_rows(text, base),
        }?;
        match log.measurements.is_empty() {
            true => Err(LogError::Empty),
            false => Ok(log),
        }
    }
}

fn read_rows(text: &str, base: &ProfileFile) -> Result<Log, LogError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let broken = |error: &csv::Error, line| LogError::Line {
        line: error.position().map_or(line, csv::Position::line),
        message: error.to_string(),
    };
    let header = reader.headers().map_err(|error| broken(&error, 1))?.clone();
    let header_line = header.position().map_or(1, csv::Position::line);
    let mut places = Vec::new();
    for name in &header {
        let Some(place) = COLUMNS.iter().position(|known| *known == name) else {
            return Err(LogError::Line {
                line: header_line,
                message: format!(
                    "no column {name:?} is known; known are {}",
                    COLUMNS.join(", ")
                ),
            });
        };
        places.push(place);
    }
    let mut log = Log::default();
    for record in reader.records() {
        let record = record.map_err(|error| broken(&error, header_line))?;
        let line = record.position().map_or(header_line, csv::Position::line);
        let mut cells: Cells<'_> = [None; COLUMNS.len()];
        for (cell, place) in record.iter().zip(&places) {
            cells[*place] = Some(cell).filter(|cell| !cell.is_empty());
        }
        let measurement =
            of_row(line, &cells, base).map_err(|message| LogError::Line { line, message })?;
        log.measurements.push(measurement);
    }
    Ok(log)
}

fn of_row(line: u64, cells: &Cells<'_>, base: &ProfileFile) -> Result<Measurement, String> {
    let cell = |name| cells[COLUMNS.iter().position(|known| *known == name)?];
    let number = |name: &'static str| match cell(name).map(str::parse::<u64>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(format!(
            "{name} is no whole number: {:?}",
            cell(name).unwrap_or("")
        )),
    };
    let needed = |name: &'static str| {
        number(name)?
            .ok_or_else(|| format!("{name} is missing, and such a value is predicted by it"))
    };
    let time = |name: &'static str| cell(name).map(|text| time_ns(name, text)).transpose();

    let elements = number("elements")?.unwrap_or(0);
    let pending = number("pending")?.unwrap_or(0);
    let keys = number("keys")?.unwrap_or(1);
    let (class, bytes) = match (cell("class"), cell("type")) {
        (Some(name), _) => {
            let class = CostClass::from_name(name).ok_or_else(|| {
                let known = CostClass::ALL.map(CostClass::name).join(", ");
                format!("no class {name:?}; known are {known}")
            })?;
            (class, needed(bytes_column(class))?)
        }
        (None, Some(name)) => {
            let data_type = data_type(name)?;
            let value = ValueFacts {
                elements: Some(elements),
                content_bytes: number("content_bytes")?.unwrap_or(0),
                compressible_bytes: number("compressible_bytes")?.unwrap_or(0),
                fields_with_ttl: number("fields_with_ttl")?.unwrap_or(0),
                ..ValueFacts::empty(encoding(cell("encoding"), data_type)?)
            };
            let payload_bytes = number("payload_bytes")?.unwrap_or(value.content_bytes);
            let shape = Shape::of(
                data_type,
                &value,
                payload_bytes,
                base.compressed_string_ratio,
                base.compact_elements_max,
            );
            needed(bytes_column(shape.class))?;
            // A blob that becomes a table is restored as one, which is most of its cost.
            (shape.table.unwrap_or(shape.class), shape.bytes)
        }
        (None, None) => return Err("neither class nor type is stated".to_owned()),
    };
    if keys == 0 {
        return Err("keys is 0".to_owned());
    }
    let is_string = matches!(class, CostClass::String | CostClass::CompressedString);
    let in_all = |each: u64| each.saturating_mul(keys);
    Ok(Measurement {
        line,
        carried: vec![Carried {
            class,
            keys,
            elements: if is_string { 0 } else { in_all(elements) },
            bytes: in_all(bytes),
            marks: in_all(pending),
        }],
        block_ns: time("block_ms")?.ok_or("block_ms is missing")?,
        restore_ns: time("restore_ms")?,
    })
}

/// The column that has the bytes by which a class is predicted.
fn bytes_column(class: CostClass) -> &'static str {
    match class {
        CostClass::Set | CostClass::Hash | CostClass::HashWithFieldTtl | CostClass::Zset => {
            "compressible_bytes"
        }
        CostClass::Module => "payload_bytes",
        _ => "content_bytes",
    }
}

/// A measured time; none can be nothing, and a day is longer than any server stops.
fn time_ns(name: &str, text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ms) if is_time_ms(ms) => Ok(ms * 1e6),
        _ => Err(format!(
            "{name} is no time of more than 0 ms and less than a day: {text:?}"
        )),
    }
}

fn is_time_ms(ms: f64) -> bool {
    ms > 0.0 && ms < 86_400_000.0
}

fn data_type(name: &str) -> Result<DataType, String> {
    const KNOWN: [DataType; 7] = [
        DataType::String,
        DataType::List,
        DataType::Set,
        DataType::Zset,
        DataType::Hash,
        DataType::Stream,
        DataType::Module,
    ];
    KNOWN
        .into_iter()
        .find(|known| known.name() == name)
        .ok_or_else(|| {
            let known = KNOWN.map(DataType::name).join(", ");
            format!("no type {name:?}; known are {known}")
        })
}

/// The encoding; without one, that of a large value of its type.
fn encoding(name: Option<&str>, data_type: DataType) -> Result<Encoding, String> {
    const KNOWN: [Encoding; 12] = [
        Encoding::Raw,
        Encoding::Int,
        Encoding::LinkedList,
        Encoding::Quicklist,
        Encoding::HashTable,
        Encoding::SkipList,
        Encoding::Zipmap,
        Encoding::Ziplist,
        Encoding::Listpack,
        Encoding::ListpackEx,
        Encoding::Intset,
        Encoding::Stream,
    ];
    let Some(name) = name else {
        return Ok(match data_type {
            DataType::Zset => Encoding::SkipList,
            DataType::Set | DataType::Hash => Encoding::HashTable,
            _ => Encoding::Raw,
        });
    };
    match name {
        // What servers say of strings.
        "embstr" => Ok(Encoding::Raw),
        "module" => Ok(Encoding::Module),
        _ => KNOWN
            .into_iter()
            .find(|known| known.name() == name)
            .ok_or_else(|| {
                let known = KNOWN.map(Encoding::name).join(", ");
                format!("no encoding {name:?}; known are {known}")
            }),
    }
}

/// A line of a run log; other fields are for other readers.
#[derive(Deserialize)]
struct RunLine {
    event: String,
    result: Option<String>,
    block_ms: Option<f64>,
    restore_ms: Option<f64>,
    #[serde(default)]
    carried: Vec<CarriedLine>,
}

#[derive(Deserialize)]
struct CarriedLine {
    class: String,
    keys: u64,
    #[serde(default)]
    elements: u64,
    bytes: u64,
    #[serde(default)]
    pending: u64,
}

fn read_run_log(text: &str) -> Result<Log, LogError> {
    let mut log = Log::default();
    for (line, text) in (1u64..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let refuse = |message| LogError::Line { line, message };
        let read: RunLine =
            serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        if read.event != "migrate" || read.result.as_deref() != Some("OK") {
            log.passed_over += 1;
            continue;
        }
        log.measurements.push(of_line(line, &read).map_err(refuse)?);
    }
    Ok(log)
}

fn of_line(line: u64, read: &RunLine) -> Result<Measurement, String> {
    let time = |name: &str, ms: Option<f64>| match ms {
        Some(ms) if !is_time_ms(ms) => Err(format!(
            "{name} is no time of more than 0 ms and less than a day: {ms}"
        )),
        ms => Ok(ms.map(|ms| ms * 1e6)),
    };
    let carried = read.carried.iter().map(|each| {
        let class = CostClass::from_name(&each.class);
        Ok(Carried {
            class: class.ok_or_else(|| format!("no class {:?}", each.class))?,
            keys: each.keys,
            elements: each.elements,
            bytes: each.bytes,
            marks: each.pending,
        })
    });
    let carried = carried.collect::<Result<Vec<Carried>, String>>()?;
    if carried.iter().all(|each| each.keys == 0) {
        return Err("a call that carried no key".to_owned());
    }
    Ok(Measurement {
        line,
        carried,
        block_ns: time("block_ms", read.block_ms)?.ok_or("block_ms is missing")?,
        restore_ns: time("restore_ms", read.restore_ms)?,
    })
}
