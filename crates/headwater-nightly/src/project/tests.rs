//! Reading project files.
