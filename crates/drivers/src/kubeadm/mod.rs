//! kubeadm.

pub(crate) mod config;
pub mod pki;
