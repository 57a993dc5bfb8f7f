//! Bodies on the wire, the broken ones included.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::message::Content;

/// The body of a response.
pub(crate) enum WireBody {
    Whole(Option<Bytes>),
    /// Spaces, then the bytes; the length is announced.
    Padded(u64, Option<Bytes>),
    /// Announces `length`, sends `half`, lets it leave, then breaks.
    Truncated {
        length: u64,
        half: Option<Bytes>,
        left: bool,
    },
    /// So many more spaces, without an announced length.
    Endless(u64),
}

/// Makes hyper close the connection inside a body.
#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("body broken by a fault")
    }
}

impl std::error::Error for Broken {}

impl From<Content> for WireBody {
    fn from(content: Content) -> Self {
        match content {
            Content::Bytes(bytes) => Self::Whole(some(bytes)),
            Content::Padded(padding, bytes) => Self::Padded(padding, some(bytes)),
            Content::Truncated(bytes) => {
                let half = bytes[..bytes.len() / 2].to_vec();
                Self::Truncated {
                    length: bytes.len().max(1) as u64,
                    half: some(half),
                    left: false,
                }
            }
            Content::Endless => Self::Endless(ENDLESS_ENDS),
        }
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let next = match self.get_mut() {
            Self::Whole(bytes) | Self::Padded(0, bytes) => bytes.take(),
            Self::Padded(spaces, _) => Some(take_spaces(spaces)),
            Self::Endless(0) => None,
            Self::Endless(spaces) => Some(take_spaces(spaces)),
            Self::Truncated { half, left, .. } => match half.take() {
                Some(half) => Some(half),
                // hyper flushes what it has when the body is not ready, and forgets it when the body fails.
                None if !*left => {
                    *left = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                None => return Poll::Ready(Some(Err(Broken))),
            },
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Padded(0, None) | Self::Endless(0))
    }

    fn size_hint(&self) -> SizeHint {
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(length(bytes)),
            Self::Padded(spaces, bytes) => SizeHint::with_exact(spaces.saturating_add(length(bytes))),
            Self::Truncated { length, .. } => SizeHint::with_exact(*length),
            Self::Endless(_) => SizeHint::default(),
        }
    }
}

fn some(bytes: Vec<u8>) -> Option<Bytes> {
    (!bytes.is_empty()).then(|| bytes.into())
}

fn take_spaces(left: &mut u64) -> Bytes {
    let size = (*left).min(SPACES.len() as u64);
    *left -= size;
    Bytes::from_static(SPACES).slice(..size as usize)
}

static SPACES: &[u8] = &[b' '; 64 << 10];
/// Nobody should wait for the end; a client that does is not to fill a disk.
const ENDLESS_ENDS: u64 = 1 << 30;
