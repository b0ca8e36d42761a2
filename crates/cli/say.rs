//! What is said on standard error: warnings, notes and the error that ends the program.
//!
//! Paths, node names and excerpts of files are text from strangers, so every line is escaped.

use preshard_report::document::Notice;
use preshard_report::text::line;

/// Prints an error and what caused it, numbered from the outside in.
pub fn error(error: &anyhow::Error) {
    eprintln!("error: {}", line(&error.to_string()));
    let causes: Vec<String> = error
        .chain()
        .skip(1)
        .map(|cause| line(&cause.to_string()))
        .collect();
    if !causes.is_empty() {
        eprintln!("\nCaused by:");
        for (number, cause) in causes.iter().enumerate() {
            eprintln!("  {}: {cause}", number + 1);
        }
    }
}

/// Prints warnings, each with the file it concerns.
pub fn warnings(notices: &[Notice]) {
    for notice in notices {
        match &notice.file {
            Some(file) => eprintln!("warning: {}: {}", line(file), line(&notice.message)),
            None => eprintln!("warning: {}", line(&notice.message)),
        }
    }
}

/// Prints something that is worth knowing and wrong with nothing.
pub fn note(text: &str) {
    eprintln!("note: {}", line(text));
}
