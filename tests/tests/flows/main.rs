//! Flows with what a program really has, sockets, variables and files, at servers of ours that misbehave on demand.

mod authorization_requests;
mod dpop;
mod grants;
mod installed;
mod lost_replies;
mod metadata;
