//! What every store has to keep, run against each of them.

/// Runs each test against each store there is, which tells one sink.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $name() {
                let mut store = service::memory::MemoryStore::default();
                store.tell(&["guance"], crate::table::now().seconds());
                super::$name(&mut store);
            })*
        }
        mod sqlite {
            $(#[test] fn $name() {
                let mut store = ::sqlite::SqliteStore::in_memory().unwrap();
                store.tell(&["guance"], crate::table::now().seconds());
                super::$name(&mut store);
            })*
        }
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
