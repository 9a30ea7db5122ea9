//! What is on the disk.

use std::fs;
use std::path::{Path, PathBuf};

use super::World;

impl World {
    /// Every file of the store with all that is in it.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        files(self.directory())
    }
}

fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the store is there") {
        let path = entry.expect("the store is there").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("it can be read");
            found.push((path, bytes));
        }
    }
    found
}
