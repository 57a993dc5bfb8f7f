//! The sans-IO core of Grantflow, an OAuth 2.0 client: types, exchanges, flows, credentials, store and transport traits
