//! Where a token comes from that can be asked for again and again, without a user and without a refresh token
//! ([RFC 6749 section 4.4], [section 4.5]).
//!
//! [RFC 6749 section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
//! [section 4.5]: https://www.rfc-editor.org/rfc/rfc6749#section-4.5

use std::fmt;

use crate::{Client, Key, Step, Token};

/// A grant that can be presented any number of times: a client's own credentials, an assertion that is signed anew each time, a
/// metadata server.
///
/// Its tokens live as those of a user do: cached, asked for once by any number of callers, stored if there is a store, and
/// renewed early. Nothing is ever lost by asking again, so a failure that may pass is tried again.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// The flow that gets a new token. It may send, wait, load and sign; the lock of the record is held meanwhile, so it must
    /// not lock.
    fn token(&self) -> Step<Token>;

    /// The key that its tokens are kept under: whatever makes one token differ from another has to be in it, the subject above all.
    fn key(&self) -> &Key;

    /// The client of the records: its endpoints serve to revoke, its origins say where a token may go.
    fn client(&self) -> &Client;

    /// The name of the grant, for people: what [`Provenance::source`](crate::Provenance::source) says.
    fn name(&self) -> &str;
}
