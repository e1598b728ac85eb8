//! The PostgreSQL connector against a real server. Each test starts its own; the checks within one use
//! roles and tables of their own.

mod giving;
mod keeping;
mod lying;
mod suite;
mod taking;
mod tls;
mod world;
mod worth;

pub use world::World;
