//! An OAuth 2.0 authorization server on loopback for tests and demos, with faults on demand
