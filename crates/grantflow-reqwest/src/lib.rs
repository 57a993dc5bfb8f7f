//! Async transport for Grantflow, on reqwest
