//! Inputs of each format, whole and cut.

use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const RECORD: &str = r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject"}"#;

fn read(input: impl Into<Vec<u8>>) -> Result<String, String> {
    read_within(10_000_000, input)
}

fn read_within(inflated_bytes_max: u64, input: impl Into<Vec<u8>>) -> Result<String, String> {
    let limits = Limits {
        inflated_bytes_max,
        ..Limits::default()
    };
    let input = Box::new(Cursor::new(input.into()));
    let mut opened = open(input, &limits).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let result = opened.records.read_to_end(&mut bytes);
    result
        .map(|_| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|error| error.to_string())
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn lines_with_a_time_lose_it_and_printed_records_become_one_line() {
    let short = format!("2026-11-20T08:15:00 {RECORD}\n2026-11-20T08:15:01.000Z {RECORD}\n");
    assert_eq!(read(short).unwrap(), format!("{RECORD}\n{RECORD}\n"));
    let printed = "2026-11-20T08:15:00+00:00 stream \n{\n    \"eventName\": \"x\"\n}\n2026-11-20T08:15:00+00:00 stream no record\n";
    assert_eq!(
        read(printed).unwrap(),
        " { \"eventName\": \"x\" }\n2026-11-20T08:15:00+00:00 stream no record\n"
            .replace("{ \"", "{     \"")
    );
    let coloured = format!("\u{1b}[32m2026-11-20T08:15:00\u{1b}[0m {RECORD}");
    assert_eq!(read(coloured).unwrap(), format!("{RECORD}\n"));
    let marked = format!("\u{feff}2026-11-20T08:15:00 {RECORD}\n");
    assert_eq!(read(marked.clone()).unwrap(), format!("{RECORD}\n"));
    let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(wide).unwrap(), format!("{RECORD}\n"));
}

#[test]
fn layers_are_opened_up_to_a_limit() {
    let mut input = Vec::from("\u{feff}".to_owned() + RECORD);
    for layers in 0..8 {
        let result = read(input.clone());
        match layers {
            0 => assert_eq!(result.unwrap().as_bytes(), input),
            1 => assert!(result.is_ok()),
            2..=4 => assert_eq!(result.unwrap().trim_start_matches('\u{feff}'), RECORD),
            _ => assert!(result.unwrap_err().contains("compressed several times")),
        }
        input = gzip(input);
    }
    let units: Vec<u8> = RECORD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let wide = [&[0xfe, 0xff][..], &units].concat();
    assert_eq!(read(gzip(wide)).unwrap(), RECORD);
    assert_eq!(read(units).unwrap(), RECORD);
}

#[test]
fn a_table_without_error_codes_is_refused_and_one_with_whole_records_is_not() {
    let error = read("eventname,eventsource\nGetObject,s3.amazonaws.com\n").unwrap_err();
    assert!(error.contains("no column errorcode"), "{error}");
    let whole = "_time,_raw\n1,\"{\"\"eventSource\"\":\"\"s3\"\",\n\"\"eventName\"\":\"\"x\"\"}\"\n2,broken\n";
    assert_eq!(
        read(whole).unwrap(),
        "{\"eventSource\":\"s3\", \"eventName\":\"x\"}\n\"broken\"\n"
    );
    let parts = "eventid;eventname;eventsource;errorcode;arn\n1;GetObject;s3.amazonaws.com;AccessDenied;arn:aws:iam::1:user/x\n;;;;\n";
    assert_eq!(
        read(parts).unwrap(),
        "{\"eventID\":\"1\",\"eventName\":\"GetObject\",\"eventSource\":\"s3.amazonaws.com\",\"errorCode\":\"AccessDenied\",\"userIdentity\":{\"arn\":\"arn:aws:iam::1:user/x\"}}\n\"a row without the name and the source of an event; select eventName and eventSource\"\n"
    );
    assert_eq!(read("a,b\n1,2\n").unwrap(), "a,b\n1,2\n");
    // Foreign tables, and a column of messages beside those of the event.
    let other = "date,Event name,Event count\n2026-01-01,page_view,7\n";
    assert_eq!(read(other).unwrap(), other);
    assert_eq!(
        read("eventID;eventSource;eventName;errorCode;message\n1;s3;ListBuckets;AccessDenied;no\n")
            .unwrap(),
        "{\"eventID\":\"1\",\"eventSource\":\"s3\",\"eventName\":\"ListBuckets\",\"errorCode\":\"AccessDenied\",\"message\":\"no\"}\n"
    );
    let endless = format!("_raw\n\"{{\"\"eventSource{}", "x".repeat(9_000_000));
    assert!(read(endless).unwrap_err().contains("a row of the table"));
}

#[test]
fn a_row_that_is_cut_or_shifted_is_no_record() {
    let table =
        |row: &str| read(format!("eventid,eventsource,eventname,errorcode\n1,{row}")).unwrap();
    let whole =
        "{\"eventID\":\"1\",\"eventSource\":\"s3\",\"eventName\":\"X\",\"errorCode\":\"Denied\"}\n";
    for row in ["s3,X,Denied\n", "s3,X,Denied\r\n", "s3,X,\"Denied\"\n"] {
        assert_eq!(table(row), whole, "{row}");
    }
    for row in ["s3,X,", "s3,X,Den", "s3,X,\"Den", "s3,X,\"Den\n", "s3,X\n"] {
        assert_eq!(table(row), "\"a row that was cut off\"\n", "{row}");
    }
    assert_eq!(
        table("s3,List,Buckets,Denied\n"),
        "\"a row with more cells than names\"\n"
    );
    // Here, the last cell does not decide.
    let read = read("eventid,eventsource,errorcode,eventname\n1,s3,Denied,X").unwrap();
    assert!(read.contains("\"errorCode\":\"Denied\""), "{read}");
}

#[test]
fn formats_that_are_not_read_are_named_with_what_to_do() {
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    for (input, what, advice) in [
        (gzip(tar), "a tar archive", "tar -xf FILE"),
        (b"BZh9".to_vec(), "bzip2 data", "bunzip2 -k FILE"),
        (
            b"SQLite format 3\0".to_vec(),
            "a SQLite database",
            "clusters list --db FILE",
        ),
        (b"PK\x03\x04".to_vec(), "a zip archive", "unzip FILE"),
    ] {
        let error = read(input).unwrap_err();
        assert!(error.contains(what) && error.contains(advice), "{error}");
    }
}

#[test]
fn a_failure_of_security_lake_never_looks_like_a_success() {
    for (response, expected) in [
        (
            r#"{"error":"AccessDenied"}"#,
            r#""errorCode":"AccessDenied""#,
        ),
        (
            r#"{"data":"{\"ConsoleLogin\":\"Failure\"}"}"#,
            r#""responseElements":{"ConsoleLogin":"Failure"}"#,
        ),
        ("{}", r#""errorMessage":"Failure""#),
    ] {
        let event = format!(
            r#"{{"class_uid":6003,"metadata":{{}},"status":"Failure","api":{{"operation":"X","service":{{"name":"y"}},"response":{response}}}}}"#
        );
        for input in [
            event.clone() + "\n" + &event,
            format!("[\n{event},\n{event}]"),
        ] {
            let text = read(input).unwrap();
            assert_eq!(
                text.lines().filter(|line| line.contains(expected)).count(),
                2,
                "{text}"
            );
        }
    }
}

/// A zip archive with one deflated file, which is listed under several names.
fn zip(content: &[u8], listed: usize) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    let packed = encoder.finish().unwrap();
    let mut checksum = flate2::Crc::new();
    checksum.update(content);
    let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let facts = [
        &[20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0][..],
        &checksum.sum().to_le_bytes(),
        &number(packed.len()),
        &number(content.len()),
        &[6, 0, 0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04", &facts[..], b"x00000", &packed].concat();
    let entry = |place: usize| {
        let name = format!("x{place:05}");
        [b"PK\x01\x02\x14\0", &facts[..], &[0; 14], name.as_bytes()].concat()
    };
    let list = (0..listed).flat_map(entry).collect::<Vec<u8>>();
    let count = u16::try_from(listed).unwrap().to_le_bytes();
    let end = [
        b"PK\x05\x06\0\0\0\0",
        &count[..],
        &count,
        &number(list.len()),
        &number(local.len()),
        &[0, 0],
    ]
    .concat();
    [local, list, end].concat()
}

fn unzip(archive: &[u8]) -> Result<String, String> {
    let limits = Limits {
        inflated_bytes_max: 1_000_000,
        ..Limits::default()
    };
    let archive = archive.to_vec();
    let entries = archive::entries(Cursor::new(&archive[..]), |name| name != "x00001");
    let (entries, _) = entries.map_err(|error| error.to_string())?;
    let entry = entries.first().ok_or("no file")?;
    let file = entry.read(Cursor::new(archive), &limits);
    let mut text = String::new();
    let read = file
        .map_err(|error| error.to_string())?
        .read_to_string(&mut text);
    read.map(|_| text).map_err(|error| error.to_string())
}

#[cfg(feature = "parquet")]
#[test]
fn a_parquet_file_is_read_within_one_limit_for_its_columns_and_its_records() {
    let file = include_bytes!("../../tests/fixtures/inputs/lake-eventjson.parquet");
    let text = read(&file[..]).unwrap();
    assert_eq!(text.lines().count(), 3);
    let within = |limit: usize| read_within(limit.try_into().unwrap(), &file[..]);
    assert!(within(file.len().max(text.len()) + 500).is_ok());
    for limit in [file.len() - 1, text.len() - 1] {
        let error = within(limit).unwrap_err();
        assert!(error.contains("inflates to more than"), "{error}");
    }
}

#[test]
fn a_zip_archive_is_read_within_the_limits_and_without_overlaps() {
    let good = zip(RECORD.as_bytes(), 1);
    assert_eq!(unzip(&good).unwrap(), RECORD);
    for length in 0..good.len() {
        assert!(unzip(&good[..length]).is_err(), "cut at {length}");
    }
    for place in 0..good.len() {
        let mut damaged = good.clone();
        damaged[place] ^= 0x10;
        // Names, times and versions may differ, the content never.
        if let Ok(text) = unzip(&damaged) {
            assert_eq!(text, RECORD, "{place}");
        }
    }
    let bomb = unzip(&zip(&vec![b' '; 2_000_000], 1)).unwrap_err();
    assert!(bomb.contains("more than 1000000 bytes together"), "{bomb}");
    let mut longer = zip(&[b' '; 5_000], 1);
    let list = longer.len() - 22 - 46 - 6;
    // The list says that the file is shorter than it is.
    longer[list + 24..list + 28].copy_from_slice(&100_u32.to_le_bytes());
    assert!(unzip(&longer).unwrap_err().contains("is damaged"));
    let large: Vec<u8> = (0_u32..5_000)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let overlapping = unzip(&zip(&large, 40)).unwrap_err();
    assert!(overlapping.contains("overlap"), "{overlapping}");
    let mut twice = zip(RECORD.as_bytes(), 2);
    let name = twice.len() - 22 - 6;
    twice[name..name + 6].copy_from_slice(b"x00000");
    let error = unzip(&twice).unwrap_err();
    assert!(error.contains("have one name"), "{error}");
    let empty = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    assert!(archive::is_zip(&empty));
    let (files, others) = archive::entries(Cursor::new(&empty), |_| true).unwrap();
    assert!(files.is_empty() && others.is_empty());
}
