//! Tables without borders: aligned columns under a ruled header. Whatever a cell holds is escaped.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};

use crate::words::line;

const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('-').junction('-'))
    .content_lines(ContentLineStyle::none());

/// How the cells of a column are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// A table in the making.
pub(super) struct Grid {
    table: Table,
    aligns: Vec<Align>,
}

impl Grid {
    pub(super) fn new(columns: &[(&str, Align)]) -> Grid {
        let mut table = Table::new();
        table.load_style(STYLE);
        table.set_header(columns.iter().map(|&(title, align)| cell(title, align)));
        Grid {
            table,
            aligns: columns.iter().map(|&(_, align)| align).collect(),
        }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells
            .into_iter()
            .zip(&self.aligns)
            .map(|(text, &align)| cell(&line(&text), align));
        self.table.add_row(cells);
    }

    pub(super) fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        for column in self.table.column_iter_mut() {
            column.set_padding((0, 1));
        }
        for line in self.table.lines() {
            writeln!(out, "  {}", line.trim_end())?;
        }
        Ok(())
    }
}

fn cell(text: &str, align: Align) -> Cell {
    Cell::new(text).set_alignment(match align {
        Align::Left => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    })
}

/// Lines of `name  value`, the values aligned.
pub(super) fn write_pairs(out: &mut dyn Write, pairs: &[(&str, String)]) -> io::Result<()> {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in pairs {
        writeln!(out, "  {name:<width$}  {}", line(value))?;
    }
    Ok(())
}
