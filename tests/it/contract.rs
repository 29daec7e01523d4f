//! Runs each test of a contract against every store that implements it.

/// Runs each test against each store that pages are made from: a SQLite file and a table.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() {
                super::$name(&mut ::sqlite::SqliteStore::in_memory().unwrap());
            })*
        }
        table_contract!($($name),*);
    };
}

/// Runs each test against tables whose alerts go to one sink.
macro_rules! table_contract {
    ($($name:ident),* $(,)?) => {
        mod dynamodb {
            $(#[test] fn $name() {
                let table = crate::table::MemoryTable::default();
                super::$name(&mut crate::table::store(&table, crate::table::telling()));
            })*
        }
        mod emulator {
            $(#[test] fn $name() {
                if let Some(emulator) = crate::emulator::Emulator::find() {
                    super::$name(&mut emulator.store(crate::table::telling()));
                }
            })*
        }
    };
}
