//! What we tell: how loud a cluster is and why, and what to do about it, in words.

pub mod hint;
pub mod severity;
