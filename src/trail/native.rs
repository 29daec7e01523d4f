//! What the compiler cannot check: vector instructions behind a run-time test, and one call into C.
//!
//! This is the only room with `unsafe` in it. Everything it offers is safe to call: a [`Job`] is
//! run with the widest [`Lanes`] that the processor has, and [`Decompressor::member`] unpacks one
//! gzip member from a slice into a slice. The code is compiled for the baseline of its target, so
//! one binary runs everywhere; what is faster than the baseline is found out when it starts.

#![allow(
    unsafe_code,
    reason = "the audited room: each block says what makes it sound"
)]

use std::ffi::c_void;
use std::ptr::NonNull;

use libdeflate_sys as libdeflate;

/// How many bytes are looked at together; a mask has one bit for each, the first byte lowest.
pub const BLOCK: usize = 64;

/// How many blocks are taken together: as many masks of one kind as the widest register holds.
pub const GROUP: usize = 8;

/// One mask a block.
pub type Row = [u64; GROUP];

/// The bytes of a group of blocks that mean something to JSON, a row of masks a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masks {
    /// `"`
    pub quote: Row,
    /// `\`
    pub backslash: Row,
    /// `{` and `[`
    pub open: Row,
    /// `}` and `]`
    pub close: Row,
    /// `:`
    pub colon: Row,
    /// `,`
    pub comma: Row,
    /// Control characters, below 0x20.
    pub control: Row,
    /// The letter e, with which the keys begin that tell what a record is.
    pub letter_e: Row,
}

/// The bytes of a block that end a run inside a JSON string.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StringMasks {
    /// `"`
    pub quote: u64,
    /// `\`
    pub backslash: u64,
    /// Control characters, below 0x20.
    pub control: u64,
}

/// A way to make masks of a block.
pub trait Lanes: Copy {
    /// Makes all masks of a block, as those of a place in a group.
    fn masks(self, block: &[u8; BLOCK], masks: &mut Masks, place: usize);

    /// Makes the masks that matter inside a string.
    fn string_masks(self, block: &[u8; BLOCK]) -> StringMasks;

    /// Returns the places where two blocks differ.
    fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64;

    /// Returns for each bit the parity of the bits up to and including it: between an odd and an
    /// even quote all bits are set, the first quote's included.
    fn parity(self, bits: u64) -> u64;
}

/// Work to be compiled for each kind of lanes. `run` must be `#[inline(always)]`, or it is compiled
/// for the baseline.
pub trait Job {
    /// What comes out.
    type Output;
    /// Does it.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Runs a job with the widest lanes that the processor has.
#[inline]
pub fn dispatch<J: Job>(job: J) -> J::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if x86::Avx512::is_available() {
            // SAFETY: the processor was just found to have what the function needs.
            return unsafe { x86::run_avx512(job) };
        }
        if x86::Avx2::is_available() {
            // SAFETY: the processor was just found to have what the function needs.
            return unsafe { x86::run_avx2(job) };
        }
    }
    job.run(Scalar)
}

/// Lanes for any processor: a table, a byte at a time.
#[derive(Debug, Clone, Copy)]
pub struct Scalar;

/// The kinds of bytes in [`KINDS`]; 0 is all others.
const QUOTE: u8 = 1;
const BACKSLASH: u8 = 2;
const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const COLON: u8 = 5;
const COMMA: u8 = 6;
const CONTROL: u8 = 7;
const LETTER_E: u8 = 8;

/// What each byte is.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        kinds[byte] = CONTROL;
        byte += 1;
    }
    kinds[b'"' as usize] = QUOTE;
    kinds[b'\\' as usize] = BACKSLASH;
    kinds[b'{' as usize] = OPEN;
    kinds[b'[' as usize] = OPEN;
    kinds[b'}' as usize] = CLOSE;
    kinds[b']' as usize] = CLOSE;
    kinds[b':' as usize] = COLON;
    kinds[b',' as usize] = COMMA;
    kinds[b'e' as usize] = LETTER_E;
    kinds
};

impl Lanes for Scalar {
    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK], masks: &mut Masks, place: usize) {
        let mut rows = [0; 9];
        for (index, &byte) in block.iter().enumerate() {
            rows[usize::from(KINDS[usize::from(byte)])] |= 1 << index;
        }
        masks.quote[place] = rows[usize::from(QUOTE)];
        masks.backslash[place] = rows[usize::from(BACKSLASH)];
        masks.open[place] = rows[usize::from(OPEN)];
        masks.close[place] = rows[usize::from(CLOSE)];
        masks.colon[place] = rows[usize::from(COLON)];
        masks.comma[place] = rows[usize::from(COMMA)];
        masks.control[place] = rows[usize::from(CONTROL)];
        masks.letter_e[place] = rows[usize::from(LETTER_E)];
    }

    #[inline(always)]
    fn string_masks(self, block: &[u8; BLOCK]) -> StringMasks {
        let mut masks = StringMasks::default();
        for (index, &byte) in block.iter().enumerate() {
            let bit = 1 << index;
            match KINDS[usize::from(byte)] {
                QUOTE => masks.quote |= bit,
                BACKSLASH => masks.backslash |= bit,
                CONTROL => masks.control |= bit,
                _ => {}
            }
        }
        masks
    }

    #[inline(always)]
    fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64 {
        let differ = |at: usize| u64::from(one[at] != two[at]) << at;
        (0..BLOCK).fold(0, |mask, at| mask | differ(at))
    }

    #[inline(always)]
    fn parity(self, bits: u64) -> u64 {
        parity(bits)
    }
}

/// Parity by doubling: six steps for 64 bits.
#[inline(always)]
fn parity(mut bits: u64) -> u64 {
    for step in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << step;
    }
    bits
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::*;

    use super::{BLOCK, Job, Lanes, Masks, StringMasks};

    /// 32 bytes at a time. Only to be made where [`Self::is_available`] says so.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx2(());

    /// 64 bytes at a time. Only to be made where [`Self::is_available`] says so.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx512(());

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,lzcnt,popcnt")]
    pub fn run_avx2<J: Job>(job: J) -> J::Output {
        job.run(Avx2(()))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx2,pclmulqdq,bmi1,bmi2,lzcnt,popcnt")]
    pub fn run_avx512<J: Job>(job: J) -> J::Output {
        job.run(Avx512(()))
    }

    impl Avx2 {
        #[inline]
        pub fn is_available() -> bool {
            is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("pclmulqdq")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt")
        }
    }

    impl Avx512 {
        #[inline]
        pub fn is_available() -> bool {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && Avx2::is_available()
        }
    }

    /// Makes a mask of bytes that are all ones or all zeros.
    ///
    /// # Safety
    /// The processor must have AVX2.
    #[inline(always)]
    unsafe fn join(low: __m256i, high: __m256i) -> u64 {
        // SAFETY: the caller says that the processor has AVX2.
        let (low, high) = unsafe { (_mm256_movemask_epi8(low), _mm256_movemask_epi8(high)) };
        u64::from(low as u32) | u64::from(high as u32) << 32
    }

    /// See [`Lanes::parity`]: a product without carries with all ones.
    ///
    /// # Safety
    /// The processor must have `pclmulqdq`.
    #[inline(always)]
    unsafe fn carryless_parity(bits: u64) -> u64 {
        // SAFETY: the caller says that the processor has the instruction.
        unsafe {
            let product =
                _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1));
            _mm_cvtsi128_si64(product) as u64
        }
    }

    impl Avx2 {
        #[inline(always)]
        fn load(block: &[u8; BLOCK]) -> (__m256i, __m256i) {
            // SAFETY: an `Avx2` is only made in `run_avx2`, so the processor has AVX; both loads
            // are within the block and need no alignment.
            unsafe {
                (
                    _mm256_loadu_si256(block.as_ptr().cast()),
                    _mm256_loadu_si256(block.as_ptr().add(32).cast()),
                )
            }
        }

        #[inline(always)]
        fn is((low, high): (__m256i, __m256i), byte: u8) -> u64 {
            // SAFETY: an `Avx2` is only made in `run_avx2`, so the processor has AVX2.
            unsafe {
                let byte = _mm256_set1_epi8(byte as i8);
                join(_mm256_cmpeq_epi8(low, byte), _mm256_cmpeq_epi8(high, byte))
            }
        }

        #[inline(always)]
        fn is_control((low, high): (__m256i, __m256i)) -> u64 {
            // SAFETY: an `Avx2` is only made in `run_avx2`, so the processor has AVX2.
            unsafe {
                let last = _mm256_set1_epi8(0x1f);
                let below = |lane| _mm256_cmpeq_epi8(_mm256_min_epu8(lane, last), lane);
                join(below(low), below(high))
            }
        }

        /// Makes letters small, and brackets braces.
        #[inline(always)]
        fn small((low, high): (__m256i, __m256i)) -> (__m256i, __m256i) {
            // SAFETY: an `Avx2` is only made in `run_avx2`, so the processor has AVX2.
            unsafe {
                let bit = _mm256_set1_epi8(0x20);
                (_mm256_or_si256(low, bit), _mm256_or_si256(high, bit))
            }
        }
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn masks(self, block: &[u8; BLOCK], masks: &mut Masks, place: usize) {
            let bytes = Self::load(block);
            let small = Self::small(bytes);
            masks.quote[place] = Self::is(bytes, b'"');
            masks.backslash[place] = Self::is(bytes, b'\\');
            masks.open[place] = Self::is(small, b'{');
            masks.close[place] = Self::is(small, b'}');
            masks.colon[place] = Self::is(bytes, b':');
            masks.comma[place] = Self::is(bytes, b',');
            masks.control[place] = Self::is_control(bytes);
            masks.letter_e[place] = Self::is(bytes, b'e');
        }

        #[inline(always)]
        fn string_masks(self, block: &[u8; BLOCK]) -> StringMasks {
            let bytes = Self::load(block);
            StringMasks {
                quote: Self::is(bytes, b'"'),
                backslash: Self::is(bytes, b'\\'),
                control: Self::is_control(bytes),
            }
        }

        #[inline(always)]
        fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64 {
            let (one, two) = (Self::load(one), Self::load(two));
            // SAFETY: an `Avx2` is only made in `run_avx2`, so the processor has AVX2.
            unsafe {
                !join(
                    _mm256_cmpeq_epi8(one.0, two.0),
                    _mm256_cmpeq_epi8(one.1, two.1),
                )
            }
        }

        #[inline(always)]
        fn parity(self, bits: u64) -> u64 {
            // SAFETY: an `Avx2` is only made in `run_avx2`, so the processor has the instruction.
            unsafe { carryless_parity(bits) }
        }
    }

    impl Avx512 {
        #[inline(always)]
        fn load(block: &[u8; BLOCK]) -> __m512i {
            // SAFETY: an `Avx512` is only made in `run_avx512`, so the processor has it; the load
            // is the block and needs no alignment.
            unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
        }

        #[inline(always)]
        fn is(bytes: __m512i, byte: u8) -> u64 {
            // SAFETY: an `Avx512` is only made in `run_avx512`, so the processor has it.
            unsafe { _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte as i8)) }
        }

        #[inline(always)]
        fn is_control(bytes: __m512i) -> u64 {
            // SAFETY: an `Avx512` is only made in `run_avx512`, so the processor has it.
            unsafe { _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20)) }
        }

        /// Makes letters small, and brackets braces.
        #[inline(always)]
        fn small(bytes: __m512i) -> __m512i {
            // SAFETY: an `Avx512` is only made in `run_avx512`, so the processor has it.
            unsafe { _mm512_or_si512(bytes, _mm512_set1_epi8(0x20)) }
        }
    }

    impl Lanes for Avx512 {
        #[inline(always)]
        fn masks(self, block: &[u8; BLOCK], masks: &mut Masks, place: usize) {
            let bytes = Self::load(block);
            let small = Self::small(bytes);
            masks.quote[place] = Self::is(bytes, b'"');
            masks.backslash[place] = Self::is(bytes, b'\\');
            masks.open[place] = Self::is(small, b'{');
            masks.close[place] = Self::is(small, b'}');
            masks.colon[place] = Self::is(bytes, b':');
            masks.comma[place] = Self::is(bytes, b',');
            masks.control[place] = Self::is_control(bytes);
            masks.letter_e[place] = Self::is(bytes, b'e');
        }

        #[inline(always)]
        fn string_masks(self, block: &[u8; BLOCK]) -> StringMasks {
            let bytes = Self::load(block);
            StringMasks {
                quote: Self::is(bytes, b'"'),
                backslash: Self::is(bytes, b'\\'),
                control: Self::is_control(bytes),
            }
        }

        #[inline(always)]
        fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64 {
            // SAFETY: an `Avx512` is only made in `run_avx512`, so the processor has it.
            unsafe { _mm512_cmpneq_epi8_mask(Self::load(one), Self::load(two)) }
        }

        #[inline(always)]
        fn parity(self, bits: u64) -> u64 {
            // SAFETY: an `Avx512` is only made in `run_avx512`, so the processor has it.
            unsafe { carryless_parity(bits) }
        }
    }
}

/// libdeflate's decompressor, with the one call that its usual binding leaves out: how much of the
/// input a gzip member took, without which a second member would go unseen.
#[derive(Debug)]
pub struct Decompressor(NonNull<libdeflate::libdeflate_decompressor>);

// SAFETY: it is memory that the C library changes only in calls that take `&mut self` here.
unsafe impl Send for Decompressor {}

impl Decompressor {
    /// Allocates one; `None` without memory for it.
    pub fn new() -> Option<Self> {
        // SAFETY: no conditions; the result is checked for null.
        NonNull::new(unsafe { libdeflate::libdeflate_alloc_decompressor() }).map(Self)
    }

    /// Unpacks the gzip member at the start of `packed` and returns how many bytes it took and how
    /// many came out; `None` when it is damaged, cut, its checksum is wrong, or `room` too small.
    pub fn member(&mut self, packed: &[u8], room: &mut [u8]) -> Option<(usize, usize)> {
        let (mut taken, mut written) = (0, 0);
        // SAFETY: the pointers and lengths are those of the two slices, which do not overlap; the
        // library reads and writes within them only (libdeflate.h), and the decompressor is ours.
        let result = unsafe {
            libdeflate::libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                packed.as_ptr().cast::<c_void>(),
                packed.len(),
                room.as_mut_ptr().cast::<c_void>(),
                room.len(),
                &raw mut taken,
                &raw mut written,
            )
        };
        (result == libdeflate::libdeflate_result_LIBDEFLATE_SUCCESS).then_some((taken, written))
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: it was allocated by the same library and is freed once.
        unsafe { libdeflate::libdeflate_free_decompressor(self.0.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything that lanes tell of two blocks.
    #[derive(Clone, Copy)]
    struct Tell<'a>(&'a [u8; BLOCK], &'a [u8; BLOCK]);

    impl Job for Tell<'_> {
        type Output = (Masks, StringMasks, u64, u64);

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Self::Output {
            let mut masks = Masks::default();
            lanes.masks(self.0, &mut masks, 3);
            let strings = lanes.string_masks(self.0);
            let differences = lanes.differences(self.0, self.1);
            (masks, strings, differences, lanes.parity(strings.quote))
        }
    }

    fn block() -> impl Strategy<Value = [u8; BLOCK]> {
        let byte = prop_oneof![
            any::<u8>(),
            prop::sample::select(b"\"\\{}[]:, e\0\x1f\x20".to_vec())
        ];
        prop::collection::vec(byte, BLOCK).prop_map(|bytes| bytes.try_into().unwrap())
    }

    proptest! {
        #[test]
        fn all_lanes_tell_the_same(one in block(), two in block()) {
            let tell = Tell(&one, &two);
            let expected = tell.run(Scalar);
            prop_assert_eq!(dispatch(tell), expected.clone());
            #[cfg(target_arch = "x86_64")]
            if x86::Avx2::is_available() {
                // SAFETY: the processor was just found to have what the function needs.
                prop_assert_eq!(unsafe { x86::run_avx2(tell) }, expected);
            }
        }
    }

    #[test]
    fn members_are_unpacked_one_by_one_and_only_whole() {
        use std::io::Write as _;
        let pack = |text: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let (one, two) = (pack(b"one"), pack(b"two"));
        let both = [&one[..], &two].concat();
        let mut decompressor = Decompressor::new().unwrap();
        let mut room = [0; 4];
        assert_eq!(decompressor.member(&both, &mut room), Some((one.len(), 3)));
        assert_eq!(&room[..3], b"one");
        assert_eq!(
            decompressor.member(&both[one.len()..], &mut room),
            Some((two.len(), 3))
        );
        for damaged in [&one[..one.len() - 1], &one[1..], b""] {
            assert_eq!(decompressor.member(damaged, &mut room), None);
        }
        assert_eq!(decompressor.member(&one, &mut room[..2]), None);
    }
}
