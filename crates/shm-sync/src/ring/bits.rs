//! The state of a frame, and the division into frames and stages, as the bits of one word each.

use shm_presence::Owner;

use crate::words::{MAX_FRAMES, MAX_STAGES, low_half};

/// How many frames there are, and how many stages. Bits 0..8 frames, 8..16 stages; zero is no ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) frames: usize,
    pub(crate) stages: u32,
}

impl Plan {
    /// That division, if there can be one.
    pub(crate) fn new(frames: usize, stages: u32) -> Option<Self> {
        let fits =
            (1..=MAX_FRAMES).contains(&frames) && (2..=MAX_STAGES).contains(&(stages as usize));
        fits.then_some(Self { frames, stages })
    }

    /// The numbers of frames and stages in a word.
    pub(crate) fn parts(word: u64) -> (u64, u64) {
        (word & 0xff, word >> 8 & 0xff)
    }

    pub(crate) fn word(self) -> u64 {
        u64::from(self.stages) << 8 | self.frames as u64
    }

    pub(crate) fn last_stage(self) -> u32 {
        self.stages - 1
    }

    /// The frame of an item.
    pub(crate) fn frame(self, number: u64) -> usize {
        usize::try_from(number % self.frames as u64).unwrap_or(0)
    }

    /// The lap of an item, as far as a state has bits for it.
    pub(crate) fn lap(self, number: u64) -> u16 {
        lap_bits(number / self.frames as u64)
    }

    /// The number of the item that is in a frame in that lap, by the one that is about to come next.
    pub(crate) fn number(self, frame: usize, lap: u16, next: u64) -> u64 {
        let now = next / self.frames as u64;
        let ahead = lap.wrapping_sub(lap_bits(now)).cast_signed();
        let lap = now.wrapping_add_signed(ahead.into());
        lap.wrapping_mul(self.frames as u64).wrapping_add(frame as u64)
    }
}

fn lap_bits(lap: u64) -> u16 {
    let [.., a, b] = lap.to_be_bytes();
    u16::from_be_bytes([a, b])
}

/// What a frame is: free, ready for a stage, or held by somebody who works on it at that stage.
///
/// Bits 12..15 stage, 15 retry, 16..32 lap; the others are those of its owner. Zero is free, in the
/// first lap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) owner: Option<Owner>,
    pub(crate) stage: u32,
    /// Somebody held it at this stage before, and did not finish.
    pub(crate) is_retry: bool,
    /// How often the frame has been through all stages.
    pub(crate) lap: u16,
}

const RETRY: u64 = 1 << 15;

impl State {
    pub(crate) fn of(word: u64) -> Self {
        Self {
            owner: Owner::in_word(word),
            stage: low_half(word >> 12 & 0b111),
            is_retry: word & RETRY != 0,
            lap: lap_bits(word >> 16),
        }
    }

    pub(crate) fn word(self) -> u64 {
        let owner = self.owner.map_or(0, Owner::bits);
        let retry = if self.is_retry { RETRY } else { 0 };
        owner | u64::from(self.stage) << 12 | retry | u64::from(self.lap) << 16
    }

    /// Ready for the stage after this one. After the last, that is free, in the next lap.
    pub(crate) fn passed_on(self, plan: Plan) -> Self {
        let (stage, lap) = if self.stage == plan.last_stage() {
            (0, self.lap.wrapping_add(1))
        } else {
            (self.stage + 1, self.lap)
        };
        Self { owner: None, stage, is_retry: false, lap }
    }

    /// Ready for the same stage again.
    pub(crate) fn given_back(self) -> Self {
        Self { owner: None, is_retry: true, ..self }
    }
}
const _: () =
    assert!(Owner::BITS & (0xffff_f000) == 0, "the bits of a state are beside those of its owner");
