//! Names each static file after its content and compresses it, so that it can be kept by
//! browsers for a year, and is not compressed while somebody waits.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=assets");
    let manifest = PathBuf::from(env("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env("OUT_DIR")?);
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(manifest.join("assets"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let (mut constants, mut table) = (String::new(), String::new());
    for name in &names {
        let content = fs::read(manifest.join("assets").join(name))?;
        write_compressed(&out.join(format!("{name}.gz")), &content)?;
        let (stem, extension) = name.split_once('.').ok_or_else(|| io::Error::other(format!("{name} has no type")))?;
        let hash: String = Sha256::digest(&content).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let served = format!("{stem}-{hash}.{extension}");
        let constant = name.replace(['.', '-'], "_").to_uppercase();
        let _ = writeln!(constants, "pub(crate) const {constant}: &str = \"/assets/{served}\";");
        let _ = writeln!(
            table,
            "    Asset {{ name: {served:?}, extension: {extension:?}, plain: include_bytes!({plain:?}), gzip: include_bytes!({gzip:?}) }},",
            plain = manifest.join("assets").join(name),
            gzip = out.join(format!("{name}.gz")),
        );
    }
    fs::write(out.join("assets.rs"), format!("{constants}\nstatic ASSETS: [Asset; {}] = [\n{table}];\n", names.len()))
}

fn env(name: &str) -> io::Result<String> {
    std::env::var_os(name)
        .and_then(|value| value.into_string().ok())
        .ok_or_else(|| io::Error::other(format!("cargo sets {name}")))
}

fn write_compressed(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut encoder = GzEncoder::new(fs::File::create(path)?, Compression::best());
    encoder.write_all(content)?;
    encoder.finish().map(drop)
}
