//! Credential stores for Grantflow: memory and file
