//! What the compiler cannot check: vector instructions behind a run-time test, and one call into C.
//!
//! This is the only module with `unsafe` in it. Everything it offers is safe to call: a [`Job`] is
//! run with the widest [`Lanes`] that the processor has, and [`Decompressor::member`] unpacks one
//! gzip member from a slice into a slice. The code is compiled for the baseline of its target, so
//! one binary runs everywhere; what is faster than the baseline is found out when it starts.

#![allow(
    unsafe_code,
    reason = "the audited module: each block says what makes it sound"
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

/// A way to make masks of a block. All functions are `#[inline(always)]`, see [`Job`].
pub trait Lanes: Copy {
    /// A block in registers.
    type Bytes: Copy;

    /// Takes a block.
    fn load(self, block: &[u8; BLOCK]) -> Self::Bytes;

    /// Returns the places of a byte.
    fn places(self, bytes: Self::Bytes, byte: u8) -> u64;

    /// Returns the places of control characters.
    fn controls(self, bytes: Self::Bytes) -> u64;

    /// Makes letters small, and brackets braces.
    fn small(self, bytes: Self::Bytes) -> Self::Bytes;

    /// Returns the places where two blocks differ.
    fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64;

    /// Returns for each bit the parity of the bits up to and including it: between an odd and an
    /// even quote all bits are set, the first quote's included.
    fn parity(self, bits: u64) -> u64;

    /// Makes all masks of a block, as those of a place in a group.
    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK], masks: &mut Masks, place: usize) {
        let bytes = self.load(block);
        let small = self.small(bytes);
        masks.quote[place] = self.places(bytes, b'"');
        masks.backslash[place] = self.places(bytes, b'\\');
        masks.open[place] = self.places(small, b'{');
        masks.close[place] = self.places(small, b'}');
        masks.colon[place] = self.places(bytes, b':');
        masks.comma[place] = self.places(bytes, b',');
        masks.control[place] = self.controls(bytes);
        masks.letter_e[place] = self.places(bytes, b'e');
    }

    /// Makes the masks that matter inside a string.
    #[inline(always)]
    fn string_masks(self, block: &[u8; BLOCK]) -> StringMasks {
        let bytes = self.load(block);
        StringMasks {
            quote: self.places(bytes, b'"'),
            backslash: self.places(bytes, b'\\'),
            control: self.controls(bytes),
        }
    }
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

/// Lanes for any processor.
#[derive(Debug, Clone, Copy)]
pub struct Scalar;

/// Makes a mask, eight places at a time. The compiler makes vector instructions of the first loop where the processor has
/// them; the product moves the lowest bit of each byte to the highest byte.
#[inline(always)]
fn mask(is_set: impl Fn(usize) -> bool) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut bits = [0_u8; BLOCK];
    for (at, bit) in bits.iter_mut().enumerate() {
        *bit = u8::from(is_set(at));
    }
    let (words, _) = bits.as_chunks();
    words.iter().rev().fold(0, |mask, word| {
        mask << 8 | u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56
    })
}

impl Lanes for Scalar {
    type Bytes = [u8; BLOCK];

    #[inline(always)]
    fn load(self, block: &[u8; BLOCK]) -> Self::Bytes {
        *block
    }

    #[inline(always)]
    fn places(self, bytes: Self::Bytes, byte: u8) -> u64 {
        mask(|at| bytes[at] == byte)
    }

    #[inline(always)]
    fn controls(self, bytes: Self::Bytes) -> u64 {
        mask(|at| bytes[at] < b' ')
    }

    #[inline(always)]
    fn small(self, bytes: Self::Bytes) -> Self::Bytes {
        bytes.map(|byte| byte | 0x20)
    }

    #[inline(always)]
    fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64 {
        mask(|at| one[at] != two[at])
    }

    #[inline(always)]
    fn parity(self, mut bits: u64) -> u64 {
        for step in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << step;
        }
        bits
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::*;

    use super::{BLOCK, Job, Lanes};

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

    // An `Avx2` is made in `run_avx2` alone, so wherever there is one the processor has AVX2.
    impl Lanes for Avx2 {
        type Bytes = (__m256i, __m256i);

        #[inline(always)]
        fn load(self, block: &[u8; BLOCK]) -> Self::Bytes {
            // SAFETY: there is AVX2; both loads are within the block and need no alignment.
            unsafe {
                (
                    _mm256_loadu_si256(block.as_ptr().cast()),
                    _mm256_loadu_si256(block.as_ptr().add(32).cast()),
                )
            }
        }

        #[inline(always)]
        fn places(self, (low, high): Self::Bytes, byte: u8) -> u64 {
            // SAFETY: there is AVX2.
            unsafe {
                let byte = _mm256_set1_epi8(byte as i8);
                join(_mm256_cmpeq_epi8(low, byte), _mm256_cmpeq_epi8(high, byte))
            }
        }

        #[inline(always)]
        fn controls(self, (low, high): Self::Bytes) -> u64 {
            // SAFETY: there is AVX2.
            unsafe {
                let last = _mm256_set1_epi8(0x1f);
                let below = |lane| _mm256_cmpeq_epi8(_mm256_min_epu8(lane, last), lane);
                join(below(low), below(high))
            }
        }

        #[inline(always)]
        fn small(self, (low, high): Self::Bytes) -> Self::Bytes {
            // SAFETY: there is AVX2.
            unsafe {
                let bit = _mm256_set1_epi8(0x20);
                (_mm256_or_si256(low, bit), _mm256_or_si256(high, bit))
            }
        }

        #[inline(always)]
        fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64 {
            let (one, two) = (self.load(one), self.load(two));
            // SAFETY: there is AVX2.
            unsafe {
                let same = |one, two| _mm256_cmpeq_epi8(one, two);
                !join(same(one.0, two.0), same(one.1, two.1))
            }
        }

        #[inline(always)]
        fn parity(self, bits: u64) -> u64 {
            // SAFETY: there is `pclmulqdq`, which `run_avx2` asks for.
            unsafe { carryless_parity(bits) }
        }
    }

    // An `Avx512` is made in `run_avx512` alone, so wherever there is one the processor has it.
    impl Lanes for Avx512 {
        type Bytes = __m512i;

        #[inline(always)]
        fn load(self, block: &[u8; BLOCK]) -> Self::Bytes {
            // SAFETY: there is AVX-512; the load is the block and needs no alignment.
            unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
        }

        #[inline(always)]
        fn places(self, bytes: Self::Bytes, byte: u8) -> u64 {
            // SAFETY: there is AVX-512.
            unsafe { _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte as i8)) }
        }

        #[inline(always)]
        fn controls(self, bytes: Self::Bytes) -> u64 {
            // SAFETY: there is AVX-512.
            unsafe { _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20)) }
        }

        #[inline(always)]
        fn small(self, bytes: Self::Bytes) -> Self::Bytes {
            // SAFETY: there is AVX-512.
            unsafe { _mm512_or_si512(bytes, _mm512_set1_epi8(0x20)) }
        }

        #[inline(always)]
        fn differences(self, one: &[u8; BLOCK], two: &[u8; BLOCK]) -> u64 {
            // SAFETY: there is AVX-512.
            unsafe { _mm512_cmpneq_epi8_mask(self.load(one), self.load(two)) }
        }

        #[inline(always)]
        fn parity(self, bits: u64) -> u64 {
            // SAFETY: there is `pclmulqdq`, which `run_avx512` asks for.
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
