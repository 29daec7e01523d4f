//! The settings of the functions, saved in the table for the commands that do the work of the functions.

use aws::dynamodb::setup::setup_key;
use aws::dynamodb::table::{Item, Table as _};
use pollster::block_on;
use service::config::setup::Setup;
use service::ports::{SetupStore, StoreError};

use crate::emulator::Emulator;
use crate::table::{self, Fault, MemoryTable, telling};

/// Returns the setup with these settings.
pub fn setup(settings: &[(&str, &str)]) -> Setup {
    let settings = settings.iter();
    Setup::of(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn it_is_read_as_it_was_left_last(store: &impl SetupStore) {
    let leave = |setup: &Setup| block_on(store.save_setup(setup)).unwrap();
    assert_eq!(block_on(store.setup()).unwrap(), None);
    for days in ["8", "35"] {
        let setup = setup(&[("BUCKET_NAME", "bucket"), ("RETENTION_DAYS", days)]);
        assert!(leave(&setup));
        assert!(!leave(&setup), "it is there already");
        assert_eq!(block_on(store.setup()).unwrap(), Some(setup));
    }
}

#[test]
fn in_memory_it_is_read_as_it_was_left_last() {
    it_is_read_as_it_was_left_last(&table::store(&MemoryTable::default(), telling()));
}

#[test]
fn in_an_emulator_it_is_read_as_it_was_left_last() {
    if let Some(emulator) = Emulator::find() {
        it_is_read_as_it_was_left_last(&emulator.store(telling()));
    }
}

#[test]
fn what_is_there_already_takes_one_read_and_no_write() {
    let table = MemoryTable::default();
    let spent = |setup: &Setup| {
        let store = table::store(&table, telling());
        block_on(store.save_setup(setup)).unwrap();
        let spent = store.table().spent();
        (spent.calls, spent.write_units)
    };
    // As much as it can be: the environment of a function has 4 KB.
    let groups = "g".repeat(4096);
    let (long, short) = (&[("LOG_GROUP_NAMES", &*groups)], &[("SINKS", "sns,")]);
    for (setup, write_units) in [(setup(short), 1), (setup(long), 5), (setup(short), 5)] {
        assert_eq!(spent(&setup), (2, write_units));
        assert_eq!(spent(&setup), (1, 0));
    }
}

#[test]
fn what_cannot_be_read_is_told_and_left_anew() {
    let table = MemoryTable::default();
    for damaged in ["", "no JSON"] {
        table.set(Item::new(setup_key()).text("se", damaged));
        let store = table::store(&table, telling());
        let read = block_on(store.setup());
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
        let setup = setup(&[("BUCKET_NAME", "bucket")]);
        assert!(block_on(store.save_setup(&setup)).unwrap());
        assert_eq!(block_on(store.setup()).unwrap(), Some(setup));
    }
}

#[test]
fn where_the_table_is_out_of_reach_nothing_is_taken_for_left() {
    let table = MemoryTable::default();
    let setup = setup(&[("BUCKET_NAME", "bucket")]);
    for failing in 0..2 {
        let store = table::store(&table, telling());
        store
            .table()
            .fail(move |call| (call == failing).then_some(Fault::Unavailable));
        let left = block_on(store.save_setup(&setup));
        assert!(matches!(left, Err(StoreError::Unavailable(_))), "{left:?}");
    }
    assert_eq!(table.items(), []);
}
