//! OAuth 2.0 client: obtain credentials, keep them, apply them to requests
