//! What the core does not do yet, by name: left out until it does.

/// The record says before a request leaves that an attempt is under way.
pub(crate) const JOURNAL: bool = true;
/// The lock is kept until a failed save is done.
pub(crate) const KEPT_LOCK: bool = true;
/// A token that ends at once is left alone for a second by those who waited for the lock, too.
pub(crate) const LEAST_LIFE: bool = true;
/// A token without an end that was won by a 401 is given up some time after it was refused.
pub(crate) const ENDLESS_AFTER_401: bool = true;
/// Who only wants a valid token gets the one that lives, when another caller's refresh fails.
pub(crate) const BRIDGED_PASSENGERS: bool = true;
/// A record that was deleted and logged in anew counts from one again, and is not taken for the one that ended.
pub(crate) const ANEW: bool = true;
/// A clock that is set back twice gives a token no more life than it had.
pub(crate) const SET_BACK_TWICE: bool = true;
/// Whoever waited for the lock in vain looks at the record once more.
pub(crate) const LAST_LOOK: bool = true;
/// `refresh()` never gives the token that was stored before.
pub(crate) const REFRESH_IS_NEW: bool = true;
/// A stored token that is older than that of the handle is not taken for a new one after a 401.
pub(crate) const NOT_OLDER: bool = true;
