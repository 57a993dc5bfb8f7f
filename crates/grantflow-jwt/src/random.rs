//! The one place where randomness comes in: ECDSA's nonces and the salts of RSASSA-PSS.
//!
//! It cannot be an argument: ring's `SecureRandom` is sealed, and takes the system's generator only. That is as well. Whoever
//! gives the same nonce twice has given the key away, so no caller is asked for one. `cargo xtask tidy` allows it here alone.

use ring::rand::SystemRandom;

/// The generator of the operating system.
pub(crate) fn system() -> SystemRandom {
    SystemRandom::new()
}
