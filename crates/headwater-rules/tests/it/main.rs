//! What people see of the rules: the problems in their files, and the rows that rules give.

mod execution;
mod night;
mod problems;
mod support;
