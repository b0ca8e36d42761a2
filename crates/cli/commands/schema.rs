//! `preshard schema`: the contract of a document.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use preshard_report::json;
use preshard_report::schema::DocumentKind;

use crate::args::{SchemaArgs, SchemaChoice};
use crate::exit::ExitStatus;
use crate::output::cannot_write;

/// Prints a schema.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &SchemaArgs) -> Result<ExitStatus> {
    let kind = match args.document {
        SchemaChoice::Plan => DocumentKind::Plan,
        SchemaChoice::Inspect => DocumentKind::Inspect,
        SchemaChoice::Slots => DocumentKind::Slots,
        SchemaChoice::Keys => DocumentKind::Keys,
        SchemaChoice::Members => DocumentKind::Members,
        SchemaChoice::Profile => DocumentKind::Profile,
        SchemaChoice::Verify => DocumentKind::Verify,
        SchemaChoice::Compare => DocumentKind::Compare,
        SchemaChoice::Diff => DocumentKind::Diff,
        SchemaChoice::KeyList => DocumentKind::KeyList,
    };
    let mut out = std::io::stdout().lock();
    json::render_document(&kind.schema(), &mut out)
        .and_then(|()| out.flush())
        .with_context(|| cannot_write(None))?;
    Ok(ExitStatus::Fine)
}
