//! Reads SoftHSM2 stores and compares the two tokens.
