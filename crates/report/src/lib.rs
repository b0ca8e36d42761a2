//! preshard-report
