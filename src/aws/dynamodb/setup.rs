//! Stores settings of the functions in one item of the table, for commands that act in their place.

use service::config::setup::Setup;
use service::ports::{SetupStore, StoreError};

use crate::dynamodb::DynamoStore;
use crate::dynamodb::table::{Item, Key, Table, Write};

/// Returns the key of the item with the settings of the stack's functions. A table has one such item.
pub fn setup_key() -> Key {
    Key::new("STACK", "SETUP")
}

fn setup_item(setup: &Setup) -> Item {
    Item::new(setup_key()).text("se", &setup.encode())
}

fn read_setup(item: &Item) -> Option<Setup> {
    Setup::decode(item.text_of("se")?)
}

impl<T: Table> SetupStore for DynamoStore<T> {
    async fn setup(&self) -> Result<Option<Setup>, StoreError> {
        let found = self.table.get(&[setup_key()]).await?;
        let Some(item) = found.first() else {
            return Ok(None);
        };
        let damaged = || StoreError::Damaged {
            detail: format!("item {} {} has no valid settings", item.key.pk, item.key.sk),
        };
        read_setup(item).map(Some).ok_or_else(damaged)
    }

    async fn save_setup(&self, setup: &Setup) -> Result<bool, StoreError> {
        let found = self.table.get(&[setup_key()]).await?;
        // This runs once an hour, and a read costs an eighth of a write. So an unchanged item is not written.
        if found.first().and_then(read_setup).as_ref() == Some(setup) {
            return Ok(false);
        }
        self.apply(&[Write::Put(setup_item(setup))]).await?;
        Ok(true)
    }
}
