//! What every member of a family must do, as functions its tests call with a real member.

pub mod authenticator;
