"""Compressed files that are bombs, have many members, or lie in their headers and trailers; read with one thread and with two.

A good file counts all its records. A damaged one is refused and leaves nothing. No file needs more memory than others, and what
a file costs is bounded by its size after decompression."""

import base64
import gzip
import json
import struct
import zlib

import totals
import trails

# Seconds of processor time for each MiB after decompression, and for a start of the program, with room for a busy machine.
SECONDS_A_MIB = 0.06
SECONDS_A_START = 0.5
RESIDENT_MIB = 48
# The limit of a run in MiB, in a whole and in a short run. One bomb meets the default limit.
LIMIT_MIB, SHORT_LIMIT_MIB, DEFAULT_LIMIT_MIB = 64, 4, 256
REFUSED = "inflates to more than"
# A file that begins with more records than this without an event is refused.
STRANGERS_MAX, NO_EVENTS = 1_000_000, "are no cloudtrail events"


def attack(group):
    place = group.place("gzip")
    limit = LIMIT_MIB if group.share == 1 else SHORT_LIMIT_MIB
    cases = group.some(files(limit))
    for number, (name, content, expected, inflated) in enumerate(cases):
        path = place / f"{number:03}.json.gz"
        path.write_bytes(content)
        for jobs in ("1", "2"):
            # A second file shows that a bad one costs itself.
            beside = place / "beside.json"
            beside.write_bytes(trails.trail([trails.record(99, 99)]))
            limited = [] if inflated > DEFAULT_LIMIT_MIB else ["--inflated-mib-max", str(limit)]
            ran = group.program.run("scan", "--format", "json", "--jobs", jobs, *limited, path, beside)
            group.case(f"{name}, {jobs} jobs", problem(ran, expected, inflated), path)


def problem(ran, expected, inflated):
    """`expected` is the number of records that count, a text of the error, or None where either is right."""
    refused = isinstance(expected, str)
    if wrong := ran.problem((0, 1) if expected is None else (1,) if refused else (0,), SECONDS_A_START + SECONDS_A_MIB * inflated, RESIDENT_MIB):
        return wrong
    document = json.loads(ran.out)
    if wrong := totals.balance(document["records"]):
        return wrong
    counted = document["records"]["clustered"] - 1
    if expected is not None and counted != (0 if refused else expected):
        return f"{counted} records are counted, not {0 if refused else expected}"
    if refused and expected not in ran.said.lower():
        return f"the error does not say {expected!r}: {ran.said[:300]}"
    return None


def files(limit):
    """Yields name, content, the records that count or a word of the error, and MiB after decompression."""
    good = trails.trail([trails.record(number) for number in range(3)])
    yield from bombs(good, limit)
    yield from members(good)
    yield from headers(good)
    yield from trailers(good)
    yield from blocks(good)
    yield from wrapped(good, limit)


def bombs(good, limit):
    over, under = limit * 5 // 4, limit - 1
    if limit == LIMIT_MIB:
        yield "300 MiB of zeros", bomb(b'{"Records":[', b"\0", 300), REFUSED, 300
    for name, unit, says in [("spaces", b" ", REFUSED), ("brackets", b"[", REFUSED), ("quotes", b'"', NO_EVENTS), ("braces", b"{", REFUSED)]:
        yield f"bomb of {name}", bomb(b'{"Records":[' + unit, unit, over), says, over
    yield "spaces in front of records", packed(b" " * (under << 20) + good), 3, under
    yield "spaces after records", packed(good + b" " * (under << 20)), 3, under
    yield "a long field that is not read", packed(trails.trail([trails.record(1, note="x" * (1 << 20))] * (limit // 2))), 1, limit // 2
    # Elements that are no event cost no more than events.
    for name, unit in [("objects", b"{},"), ("lines of objects", b"{}\n"), ("lines", b"\n"), ("commas", b","), ("numbers", b"1,"), ("null", b"null,")]:
        mib = limit // 8 or 1
        head, tail = (b"", good) if unit.endswith(b"\n") else (b"[", b"1]")
        count = (mib << 20) // len(unit)
        content = head + unit * count + tail
        after = NO_EVENTS if unit.startswith(b"{") and count > STRANGERS_MAX else 3
        yield f"many {name}", packed(content), None if not unit.endswith(b"\n") else after, mib
    twice = packed(bomb(b'{"Records":[', b" ", over))
    yield "a bomb in gzip in gzip", twice, REFUSED, over
    for layers in (2, 3, 4):
        content = good
        for _ in range(layers):
            content = gzip.compress(content, mtime=0)
        yield f"{layers} layers", content, 3, 0
    for layers in (5, 9, 100):
        content = good
        for _ in range(layers):
            content = gzip.compress(content, mtime=0)
        yield f"{layers} layers", content, "error", 0


def members(good):
    one = [gzip.compress(trails.lines([trails.record(number)]), mtime=0) for number in range(1000)]
    yield "1,000 members", b"".join(one), 1000, 1
    yield "10,000 empty members", gzip.compress(b"", mtime=0) * 10_000 + gzip.compress(good, mtime=0), 3, 0
    middle = len(good) // 2
    yield "a record over two members", gzip.compress(good[:middle]) + gzip.compress(good[middle:]), 3, 0
    yield "a member of each byte", b"".join(gzip.compress(good[at : at + 1], mtime=0) for at in range(len(good))), 3, 0
    yield "zeros behind", gzip.compress(good) + bytes(512), None, 0
    yield "text behind", gzip.compress(good) + b"and more", None, 0
    yield "half a member behind", gzip.compress(good) + gzip.compress(good)[:20], "error", 0
    yield "a second member that is damaged", gzip.compress(good) + gzip.compress(good)[:-8] + bytes(8), "error", 0


def headers(good):
    raw = deflated(good)
    end = trailer(good)

    def header(flags, more=b"", method=8, magic=b"\x1f\x8b"):
        return magic + bytes([method, flags]) + bytes(4) + b"\x00\xff" + more

    yield "a name of 64 KiB", header(8, b"n" * 65536 + b"\0") + raw + end, 3, 0
    yield "a comment of 1 MiB", header(16, b"c" * (1 << 20) + b"\0") + raw + end, 3, 0
    yield "an extra field of 65,535 bytes", header(4, struct.pack("<H", 65535) + b"e" * 65535) + raw + end, 3, 0
    yield "an extra field that is cut", header(4, struct.pack("<H", 65535) + b"e"), "error", 0
    yield "a name without an end", header(8, b"n" * 100), "error", 0
    checked = header(2)
    yield "a checksum of the header", checked + struct.pack("<H", zlib.crc32(checked) & 0xFFFF) + raw + end, 3, 0
    yield "a method that does not exist", header(0, method=7) + raw + end, "error", 0
    yield "magic alone", b"\x1f\x8b", "error", 0
    for length in (3, 9, 10):
        yield f"a header of {length} bytes", (header(0) + raw)[:length], "error", 0
    yield "time, flags and system of all ones", b"\x1f\x8b\x08\x00\xff\xff\xff\xff\xff\xff" + raw + end, 3, 0


def trailers(good):
    whole = gzip.compress(good, mtime=0)
    for missing in range(1, 9):
        yield f"{missing} bytes of the trailer are missing", whole[:-missing], "error", 0
    yield "a wrong checksum", whole[:-8] + bytes(4) + whole[-4:], "error", 0
    yield "a wrong length", whole[:-4] + bytes(4), "error", 0
    yield "a length of 4 GiB", whole[:-4] + b"\xff\xff\xff\xff", "error", 0


def blocks(good):
    head, end = gzip.compress(b"", mtime=0)[:10], trailer(good)
    stored = b"\x01" + struct.pack("<HH", len(good), len(good) ^ 0xFFFF) + good
    yield "a stored block", head + stored + end, 3, 0
    yield "a stored block whose lengths differ", head + stored[:3] + b"\0\0" + good + end, "error", 0
    yield "a block of a type that does not exist", head + b"\x07" + good + end, "error", 0
    yield "a table of codes that is none", head + b"\x05\xff\xff\xff\xff" + good + end, "error", 0
    yield "a distance before the beginning", head + b"\x4b\x04\x42\x00" + end, "error", 0
    yield "1,000 empty stored blocks", head + b"\x00\x00\x00\xff\xff" * 1000 + stored + end, 3, 0
    yield "the last block is not marked", head + b"\x00" + stored[1:] + end, "error", 0


def wrapped(good, limit):
    over, each = limit * 5 // 4, limit // 5 + 1
    yield "Zstandard, a bomb", zstandard(b'{"Records":[', over), REFUSED, over
    yield "Zstandard, cut", zstandard(b'{"Records":[', 1)[:-3], "error", 0
    yield "Zstandard in gzip, a bomb", gzip.compress(zstandard(b'{"Records":[', over)), REFUSED, over
    inner = base64.b64encode(packed(b'{"messageType":"DATA_MESSAGE","logEvents":[' + b" " * (over << 20)))
    yield "a bomb in a payload", gzip.compress(b'{"awslogs":{"data":"' + inner + b'"}}'), None, over
    data = base64.b64encode(packed(b" " * (each << 20))).decode()
    many = json.dumps({"Records": [{"kinesis": {"data": data}} for _ in range(8)]}).encode()
    yield "eight bombs in one input", gzip.compress(many), None, 8 * each


def packed(content):
    """Compresses as well as possible, without keeping a second copy of a large text."""
    return gzip.compress(content, 9, mtime=0)


def bomb(head, unit, mib):
    press = zlib.compressobj(9, wbits=31)
    block = unit * (1 << 20)
    return b"".join([press.compress(head), *(press.compress(block) for _ in range(mib)), press.flush()])


def deflated(content):
    press = zlib.compressobj(9, wbits=-15)
    return press.compress(content) + press.flush()


def trailer(content):
    return struct.pack("<II", zlib.crc32(content), len(content))


def zstandard(head, mib):
    """Returns a Zstandard frame by hand: a raw block, and blocks of one repeated space."""
    def block(kind, size, content, last=0):
        return struct.pack("<I", size << 3 | kind << 1 | last)[:3] + content

    # No checksum, no size of the content, a window of 8 MiB.
    frame = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([13 << 3])
    return frame + block(0, len(head), head) + block(1, 128 << 10, b" ") * (8 * mib) + block(0, 0, b"", 1)
