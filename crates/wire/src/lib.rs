//! Protocol codecs and clients that brokers, connectors and rotators share.

pub mod ssh;
