//! Everything that can be wrong with a tape, by cause.
//! Segments count from 0; messages say what happened and what it means.

/// Why a tape cannot be written, read or believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// Another kind of file.
    #[error("not a tape: it does not begin with \"PORTCULLIS TAPE\"")]
    NotTape,
    /// A version this release does not know.
    #[error("tape format version {0:?} is not known here; use a newer release to read it")]
    UnknownVersion(String),
    /// The bytes could not be had.
    #[error("the tape cannot be read: {0}")]
    Unreadable(String),
    /// The tape ends within its header.
    #[error("the tape is truncated: it ends within its header")]
    HeaderTruncated,
    /// The header is longer than any real one.
    #[error("the tape's header claims {bytes} bytes, at most {limit} are accepted")]
    HeaderTooLarge {
        /// Length claimed.
        bytes: usize,
        /// Length accepted.
        limit: usize,
    },
    /// The header's bytes are not those its hash was made of.
    #[error("the tape's header was altered: it does not match its own hash")]
    HeaderAltered,
    /// The header is whole but not understood.
    #[error("the tape's header cannot be read: {0}")]
    HeaderMalformed(String),
    /// A length field out of range.
    #[error("segment {segment} claims {bytes} bytes, at most {limit} are accepted: it was altered")]
    SegmentLength {
        /// Number of the segment.
        segment: u64,
        /// Length claimed.
        bytes: usize,
        /// Length accepted.
        limit: usize,
    },
    /// A segment's bytes do not continue the chain.
    #[error("segment {segment} was altered: it does not match its hash in the chain")]
    Altered {
        /// Number of the segment.
        segment: u64,
    },
    /// A segment is gone.
    #[error("segment {segment} was dropped: segment {found} follows in its place")]
    Dropped {
        /// Number of the missing segment.
        segment: u64,
        /// Number of the one found.
        found: u64,
    },
    /// Segments changed places.
    #[error("segments were reordered: segment {found} stands where segment {segment} belongs")]
    Reordered {
        /// Number of the segment expected.
        segment: u64,
        /// Number of the one found.
        found: u64,
    },
    /// There is something behind the end marker.
    #[error("the tape goes on after its end marker: something was appended")]
    AfterEnd,
    /// The ledger knows of more than there is.
    #[error(
        "the tape is truncated: it has {found} whole segments, the ledger's head says {expected}"
    )]
    Truncated {
        /// Segments found.
        found: u64,
        /// Segments in the head.
        expected: u64,
    },
    /// The chain is sound in itself, but not the one the ledger saw.
    #[error(
        "the tape was replaced: after {segments} segments its chain differs from the ledger's head"
    )]
    Forked {
        /// Segments both have.
        segments: u64,
    },
    /// The key is another tape's.
    #[error("wrong key: it is not the key of this tape")]
    WrongKey,
    /// The chain fits, the seal does not: rewritten by somebody without the key.
    #[error("segment {segment} was not sealed with this tape's key: it was rewritten")]
    SealBroken {
        /// Number of the segment.
        segment: u64,
    },
    /// Sealed by the right key and still not understood.
    #[error("segment {segment} cannot be read: {reason}")]
    SegmentMalformed {
        /// Number of the segment.
        segment: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// An event too large for one frame.
    #[error("an event of {bytes} bytes does not fit a frame of {limit}; split it")]
    FrameTooLarge {
        /// Its size.
        bytes: usize,
        /// Largest size.
        limit: usize,
    },
    /// The writer was not flushed in time.
    #[error("the segment is full; flush it before recording more")]
    SegmentFull,
    /// Sealing or compressing failed inside a library.
    #[error("the segment could not be sealed: {0}")]
    Sealing(&'static str),
    /// Recovery of a tape that needs none.
    #[error("the tape has its end marker already; there is nothing to recover")]
    AlreadyEnded,
}
