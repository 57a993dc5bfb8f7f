//! Every grant and every standard at `oidc-provider`, a certified server that we did not write, and the helpers that stand in for people.

mod asynchronous;
mod backchannel;
mod device;
mod fapi2;
mod helpers;
mod login;
mod mtls;
mod requests;
mod resource;
mod signed;
