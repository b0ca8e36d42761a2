//! What is said on standard error: warnings, notes and the error that ends the program.
//!
//! Paths, node names and excerpts of files are text from strangers, so every line is escaped.

use std::fmt::Arguments;
use std::io::{self, Write as _};

use preshard_report::document::Notice;
use preshard_report::text::{line, notice_line};

/// Prints an error and what caused it, numbered from the outside in.
pub fn error(error: &anyhow::Error) {
    say(format_args!("error: {}", line(&error.to_string())));
    let causes: Vec<String> = error
        .chain()
        .skip(1)
        .map(|cause| line(&cause.to_string()))
        .collect();
    if !causes.is_empty() {
        say(format_args!("\nCaused by:"));
        for (number, cause) in causes.iter().enumerate() {
            say(format_args!("  {}: {cause}", number + 1));
        }
    }
}

/// Prints warnings, each with the file it concerns.
pub fn warnings(notices: &[Notice]) {
    for notice in notices {
        say(format_args!("warning: {}", notice_line(notice)));
    }
}

/// Prints something that is worth knowing and wrong with nothing.
pub fn note(text: &str) {
    say(format_args!("note: {}", line(text)));
}

/// Prints a line. Nobody is left to be told when standard error is closed (`preshard ... 2>&1 | head`).
fn say(text: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}
