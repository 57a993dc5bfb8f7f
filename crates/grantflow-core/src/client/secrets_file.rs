//! `client_secrets.json`: a client as Google's console gives it.
