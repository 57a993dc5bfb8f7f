//! A check that needs one of the issuer's keys ([OpenID Connect Core section 10.1.1]).
//!
//! ```text
//! keys ─▶ check ─┬─ passed, or refused ──────────────────▶ Done
//!                └─ no key fits ─▶ newer keys ─▶ check ─▶ Done
//! ```
//!
//! [OpenID Connect Core section 10.1.1]: https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys

use std::sync::Arc;

use grantflow_core::{Cx, Step};
use grantflow_jwt::{Error, KeySet};

use super::KeyCache;
use crate::signed::refused;

impl KeyCache {
    /// The flow that checks: with the keys that are there, and if none fits, once more with newer ones.
    pub(crate) fn check<T: Send + 'static>(
        &self,
        check: impl Fn(&KeySet, &Cx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Step<T> {
        let cache = self.clone();
        self.keys().and_then(move |keys, cx| match check(&keys, cx) {
            Ok(checked) => Ok(Step::Done(checked)),
            Err(Error::UnknownKey) => {
                let newer = cache.newer_than(keys);
                Ok(newer.and_then(move |keys: Option<Arc<KeySet>>, cx| {
                    let keys = keys.ok_or_else(|| refused(Error::UnknownKey))?;
                    Ok(Step::Done(check(&keys, cx).map_err(refused)?))
                }))
            }
            Err(error) => Err(refused(error)),
        })
    }
}
