//! The rules, walked through from outside.
