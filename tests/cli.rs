//! The whole tool, from command line to output.
//!
//! - `cases`: each `tests/cli/cases/<case>.txt` holds a command, `.stdout` and `.stderr` beside it what it prints.
//! - `examples`: what `--help` and README.md show as output is output.
//! - `salvage`: what is kept of damaged files, and what is held for it.
//! - `second_reader`: every snapshot in `fixtures/`, against an independent reader.
//! - `bad_input`: each kind of damage gives one clear error, with file, offset and expectation.
//! - `usage`: wrong usage is told by the name of the option.
//! - `documents`: every JSON output meets the schema that the tool prints, for any number of threads the same.
//! - `plans`: plans for the bundled cluster keep what they promise.
//! - `profiles`: a saved profile answers as the backup does, and nothing in one is believed unchecked.
//! - `trust`: what is wrong with a file, or not checked, is said by every command.
//! - `one_key`: one key with its members, found in any file and by any way in.
//! - `several`: what cannot be read does not hide what can.
//! - `costs`: what predictions are made from, and what changes them.
//! - `outputs`: files appear whole or not at all.
//! - `directories`: what is taken from one, and what is named instead.
//! - `layers`: what a snapshot is wrapped in, byte for byte, and its damage.
//! - `verify`: plans hold against what they were made from, and not against what breaks them.
//! - `what_if`: goals beside each other are the plans for each; what grew is told where it did.
//! - `ways_in`: compressed, captured, from standard input: the same answers.
//!
//! `BLESS=1 cargo test --test cli` rewrites what is compared as text; read the difference before it is committed.

#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/cases.rs"]
mod cases;
#[path = "cli/costs.rs"]
mod costs;
#[path = "cli/directories.rs"]
mod directories;
#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/examples.rs"]
mod examples;
#[path = "cli/key_list.rs"]
mod key_list;
#[path = "cli/layers.rs"]
mod layers;
#[path = "cli/limits.rs"]
mod limits;
#[path = "cli/one_key.rs"]
mod one_key;
#[path = "cli/outputs.rs"]
mod outputs;
#[path = "cli/plans.rs"]
mod plans;
#[path = "cli/profiles.rs"]
mod profiles;
#[path = "cli/ruled.rs"]
mod ruled;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/salvage.rs"]
mod salvage;
#[path = "cli/second_reader.rs"]
mod second_reader;
#[path = "cli/several.rs"]
mod several;
#[path = "cli/trust.rs"]
mod trust;
#[path = "cli/usage.rs"]
mod usage;
#[path = "cli/verify.rs"]
mod verify;
#[path = "cli/ways_in.rs"]
mod ways_in;
#[path = "cli/what_if.rs"]
mod what_if;
