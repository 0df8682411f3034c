//! `segments log` as a program: what it prints and how it exits, on logs of a few records.

mod copy;
mod damage;
mod history;
mod looking;
mod program;
