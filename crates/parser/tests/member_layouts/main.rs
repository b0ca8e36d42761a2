//! Members of values written out byte by byte from the format's description.

mod assembled;
mod blobs;
mod streams;
