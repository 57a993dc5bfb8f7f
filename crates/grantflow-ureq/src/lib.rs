//! Blocking transport and authorized agent for Grantflow, on ureq
