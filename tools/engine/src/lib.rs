//! The engine behind a C seam.
