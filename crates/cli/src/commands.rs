//! The commands, one module for those that belong together.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod inside;
pub(crate) mod internal;
pub(crate) mod live;
pub(crate) mod plan;
pub(crate) mod power;
pub(crate) mod prove;
pub(crate) mod rehearse;
pub(crate) mod restore;
pub(crate) mod review;
pub(crate) mod snapshot;
pub(crate) mod status;
pub(crate) mod texts;
pub(crate) mod up;
pub(crate) mod watch;
pub(crate) mod whatif;
