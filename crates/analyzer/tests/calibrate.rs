//! Profiles fitted to a part of what was measured, against the rest.

mod measured;

use measured::{Case, cases, profile};
use preshard_analyzer::calibration::{Calibration, Log, LogError, Origin, calibrate};
use preshard_analyzer::{CostClass, CostProfile, ProfileFile};

const SERVERS: [&str; 3] = ["redis-7.0", "redis-8.0", "valkey-9.1"];

/// No server is calibrated from a profile that knows its own measurements.
fn another(server: &str) -> &'static str {
    match server {
        "redis-8.0" => "redis-7.0",
        _ => "redis-8.0",
    }
}

fn file(name: &str) -> ProfileFile {
    CostProfile::measured_file(name).unwrap_or_else(|| panic!("no profile {name}"))
}

/// Cases as the CSV that people write.
fn csv<'a>(cases: impl IntoIterator<Item = &'a Case<'static>>) -> String {
    let mut csv = "type,encoding,elements,content_bytes,compressible_bytes,payload_bytes,fields_with_ttl,pending,block_ms,\
                   restore_ms\n"
        .to_owned();
    for case in cases {
        let value = &case.value;
        csv += &format!(
            "{},{},{},{},{},{},{},{},{},{}\n",
            case.data_type.name(),
            value.encoding.name(),
            value.elements.unwrap_or(0),
            value.content_bytes,
            value.compressible_bytes,
            case.payload_bytes,
            value.fields_with_ttl,
            value.pending,
            case.migrate_ns / 1e6,
            case.restore_ns / 1e6,
        );
    }
    csv
}

fn fitted(csv: &str, base: &str) -> Calibration {
    let base = file(base);
    let log = Log::read(csv, &base).unwrap_or_else(|error| panic!("{error}\n{csv}"));
    calibrate(&log, &base, "ours", "a test")
}

/// Relative errors of what a profile says of cases: of the blocks, and of the RESTOREs.
fn errors<'a>(
    profile: &CostProfile,
    cases: impl IntoIterator<Item = &'a Case<'static>>,
) -> (Vec<f64>, Vec<f64>) {
    cases
        .into_iter()
        .map(|case| {
            let (cost, _) = profile.as_measured(case.data_type, &case.value, case.payload_bytes);
            let block_ns = cost.block_ns + profile.call_fixed_ns();
            let error = |predicted: u64, measured: f64| (predicted as f64 / measured - 1.0).abs();
            (
                error(block_ns, case.migrate_ns),
                error(cost.restore_ns, case.restore_ns),
            )
        })
        .unzip()
}

fn median(errors: &mut [f64]) -> f64 {
    errors.sort_by(f64::total_cmp);
    errors[errors.len() / 2]
}

/// Every second row of the table is measured, the others are predicted; and the other way round. Of the whole table half of
/// all predictions are less than 20 % off, and of no server more than 25 %.
#[test]
fn half_of_the_table_predicts_the_other_half() {
    let (mut all_blocks, mut all_restores) = (Vec::new(), Vec::new());
    for server in SERVERS {
        let rows: Vec<Case<'_>> = cases()
            .into_iter()
            .filter(|case| case.server == server)
            .collect();
        for half in [0, 1] {
            let of = |wanted: usize| {
                rows.iter()
                    .enumerate()
                    .filter(move |(at, _)| at % 2 == wanted)
                    .map(|(_, row)| row)
            };
            let text = fitted(&csv(of(half)), another(server)).profile.to_toml();
            let profile = CostProfile::parse_own(&text).expect("a profile");
            let (mut blocks, mut restores) = errors(&profile, of(1 - half));
            all_blocks.extend(&blocks);
            all_restores.extend(&restores);
            let (block, restore) = (median(&mut blocks), median(&mut restores));
            println!("{server} half {half}: MIGRATE {block:.3}, RESTORE {restore:.3}");
            assert!(
                block < 0.25 && restore < 0.25,
                "{server}, half {half}: {block:.3}, {restore:.3}"
            );
        }
    }
    let (block, restore) = (median(&mut all_blocks), median(&mut all_restores));
    println!("all: MIGRATE {block:.3}, RESTORE {restore:.3}");
    assert!(block < 0.2, "MIGRATE: {block:.3}");
    assert!(restore < 0.2, "RESTORE: {restore:.3}");
}

/// A machine on which everything takes 2.5 times as long, from a profile that knows nothing of it: what was measured is met,
/// and what was not is as much slower.
#[test]
fn the_pace_of_a_machine_is_found_and_used_for_what_was_not_measured() {
    let rows: Vec<Case<'_>> = cases()
        .into_iter()
        .filter(|case| case.server == "redis-7.0")
        .map(|case| Case {
            migrate_ns: case.migrate_ns * 2.5,
            restore_ns: case.restore_ns * 2.5,
            ..case
        })
        .collect();
    let calibration = fitted(
        &csv(rows.iter().filter(|case| case.data_type.name() != "zset")),
        "redis-7.0",
    );
    let zset = calibration
        .block
        .classes
        .iter()
        .find(|each| each.class == CostClass::Zset)
        .expect("listed");
    assert!(zset.errors.is_none());
    let Origin::Base(pace) = zset.origin else {
        panic!("{zset:?}");
    };
    assert!((2.0..3.0).contains(&pace), "{pace}");
    let profile = CostProfile::from(&calibration.profile);
    let (mut blocks, _) = errors(
        &profile,
        rows.iter().filter(|case| case.data_type.name() == "zset"),
    );
    let error = median(&mut blocks);
    assert!(error < 0.35, "{error}");
}

/// Where nothing was measured of a class, a machine that is faster elsewhere is not taken for faster there.
#[test]
fn what_was_not_measured_is_never_made_cheaper() {
    let rows: Vec<Case<'_>> = cases()
        .into_iter()
        .filter(|case| case.server == "redis-7.0" && case.data_type.name() == "list")
        .map(|case| Case {
            migrate_ns: case.migrate_ns / 5.0,
            restore_ns: case.restore_ns / 5.0,
            ..case
        })
        .collect();
    let ours = CostProfile::from(&fitted(&csv(&rows), "redis-7.0").profile);
    let base = profile("redis-7.0");
    for case in cases()
        .iter()
        .filter(|case| case.data_type.name() == "hash" && case.n >= 10_000)
    {
        let of = |profile: &CostProfile| {
            profile.predict(case.data_type, &case.value, case.payload_bytes)
        };
        // The rates stay; the part of the key itself follows the calls.
        let slack_ns = 10_000;
        assert!(
            of(&ours).block_ns + slack_ns >= of(&base).block_ns,
            "{}",
            case.name
        );
    }
}

/// Calls with many kinds of keys at once tell what calls with one kind do.
#[test]
fn mixed_calls_of_a_run_log_give_rates_back() {
    let (call, key, string, hash, long) = (60_000.0, 4_000.0, 6.0, 900.0, 15.0);
    let mut log = "{\"event\":\"slot\",\"slot\":1}\n".to_owned();
    for at in 1..200u64 {
        let of = |sizes: [u64; 4], turn: u64| sizes[usize::try_from(turn % 4).expect("below 4")];
        let strings = at % 5 * 8;
        let bytes = strings * of([10, 300, 4_000, 40_000], at);
        let hashes = at % 3;
        let fields = hashes * of([30, 600, 2_000, 20_000], at / 4);
        let long_bytes = fields * of([0, 0, 40, 200], at / 3);
        if strings + hashes == 0 {
            continue;
        }
        let keys = (strings + hashes) as f64;
        let ns = call
            + key * keys
            + string * bytes as f64
            + hash * fields as f64
            + long * long_bytes as f64;
        log += &format!(
            "{{\"event\":\"migrate\",\"result\":\"OK\",\"slot\":{at},\"block_ms\":{},\"carried\":[{{\"class\":\"string\",\"keys\":\
             {strings},\"bytes\":{bytes}}},{{\"class\":\"hash\",\"keys\":{hashes},\"elements\":{fields},\"bytes\":{long_bytes}}}]}}\n",
            ns / 1e6
        );
    }
    log += "{\"event\":\"migrate\",\"result\":\"IOERR\",\"block_ms\":1000,\"carried\":[]}\n";
    let calibration = fitted(&log, "redis-7.0");
    assert_eq!(calibration.passed_over, 2);
    assert!(calibration.restore.is_none());
    let profile = CostProfile::from(&calibration.profile);
    let near = |found: f64, truth: f64, what: &str| {
        assert!(
            (found / truth - 1.0).abs() < 0.1,
            "{what}: {found} for {truth}"
        );
    };
    assert!(
        calibration.block.errors.median < 0.05,
        "{:?}",
        calibration.block.errors
    );
    near(profile.call_fixed_ns() as f64, call, "call");
    let text = measured::facts(preshard_parser::Encoding::Raw, 1, 10_000_000, 10_000_000);
    let (cost, _) = profile.as_measured(preshard_parser::DataType::String, &text, 10_000_000);
    near(cost.block_ns as f64, string * 1e7, "string");
    let fields = measured::facts(preshard_parser::Encoding::HashTable, 100_000, 2_000_000, 0);
    let (cost, _) = profile.as_measured(preshard_parser::DataType::Hash, &fields, 2_000_000);
    near(cost.block_ns as f64, hash * 1e5, "hash");
}

#[test]
fn a_calibrated_profile_is_read_back_as_it_was_written_and_twice_the_same() {
    let rows: Vec<Case<'_>> = cases()
        .into_iter()
        .filter(|case| case.server == "valkey-9.1")
        .collect();
    let first = fitted(&csv(&rows), "redis-8.0");
    let text = first.profile.to_toml();
    assert_eq!(ProfileFile::parse(&text).as_ref(), Ok(&first.profile));
    assert_eq!(fitted(&csv(&rows), "redis-8.0").profile.to_toml(), text);
    for name in SERVERS {
        let file = file(name);
        assert_eq!(ProfileFile::parse(&file.to_toml()), Ok(file), "{name}");
    }
}

#[test]
fn a_line_that_is_no_measurement_is_named() {
    let header = "type,encoding,elements,content_bytes,compressible_bytes,block_ms";
    for (rows, line, told) in [
        (
            "hash,hashtable,many,1,0,5",
            2,
            "elements is no whole number: \"many\"",
        ),
        (
            "hash,hashtable,10,1,0,5\nhash,hashtable,10,1,0,-5",
            3,
            "block_ms is no time",
        ),
        ("hash,hashtable,10,1,0,", 2, "block_ms is missing"),
        ("hash,hashtable,10,1,0", 2, "found record with 5 fields"),
        ("geo,hashtable,10,1,0,5", 2, "no type \"geo\""),
        ("hash,btree,10,1,0,5", 2, "no encoding \"btree\""),
        ("hash,hashtable,10,1,,5", 2, "compressible_bytes is missing"),
        ("hash,hashtable,10,1,0,NaN", 2, "block_ms is no time"),
    ] {
        let read = Log::read(&format!("{header}\n{rows}\n"), &file("redis-7.0"));
        match read {
            Err(LogError::Line { line: at, message }) => {
                assert_eq!(at, line, "{rows}: {message}");
                assert!(message.contains(told), "{rows}: {message}");
            }
            other => panic!("{rows}: {other:?}"),
        }
    }
    let read = |text: &str| Log::read(text, &file("redis-7.0")).map(|log| log.measurements.len());
    assert_eq!(read(""), Err(LogError::Empty));
    assert_eq!(read(header), Err(LogError::Empty));
    assert!(
        matches!(read("type,ms\n"), Err(LogError::Line { line: 1, message }) if message.contains("\"ms\""))
    );
    assert!(matches!(
        read("{\"event\":\"slot\"}\n{\"event\":\"migrate\",\"result\":\"OK\",\"block_ms\":1,\"carried\":[{\"class\":\"geo\",\"keys\":1,\"bytes\":1}]}\n"),
        Err(LogError::Line { line: 2, message }) if message.contains("\"geo\"")
    ));
    assert!(matches!(
        read("{\"event\":\n"),
        Err(LogError::Line { line: 1, .. })
    ));
}
