//! Model packages and shaders on disk, for tests that edit them while an app runs.
#![allow(dead_code, reason = "every test binary that edits files compiles this module and uses its own part of it")]

use std::path::{Path, PathBuf};

use bevy_toonface::model::TensorFile;

use crate::common::fixture_path;

/// The files of the tiny package.
pub const PACKAGE: [&str; 4] = ["tiny.cartoon.ron", "trunk.safetensors", "first.safetensors", "second.safetensors"];

/// A copy of the tiny package in a folder.
pub struct Package(pub PathBuf);

impl Package {
    pub fn new(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        for file in PACKAGE {
            std::fs::copy(fixture_path(&format!("lite/{file}")), folder.join(file)).expect("a copy");
        }
        Self(folder)
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.0.join(file)).expect("a file")
    }

    pub fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(file), bytes).expect("a writable folder");
    }

    /// Replaces a file as many editors do: by another one that is renamed to it.
    pub fn rename_over(&self, file: &str, bytes: impl AsRef<[u8]>) {
        self.write("new~", bytes);
        std::fs::rename(self.0.join("new~"), self.0.join(file)).expect("a writable folder");
    }

    pub fn edit_manifest(&self, from: &str, to: &str) {
        let text = String::from_utf8(self.read("tiny.cartoon.ron")).expect("text");
        assert!(text.contains(from), "{text}");
        self.write("tiny.cartoon.ron", text.replacen(from, to, 1));
    }

    /// A weight file with the tensors of a module scaled by a factor.
    pub fn scaled(&self, file: &str, module: &str, factor: f32) -> Vec<u8> {
        let mut weights = TensorFile::parse(file, &self.read(file)).expect("weights");
        let mut tensors = weights.tensors.iter_mut().filter(|(path, _)| path.starts_with(module)).peekable();
        assert!(tensors.peek().is_some(), "no {module}");
        tensors.for_each(|(_, tensor)| tensor.data.iter_mut().for_each(|value| *value *= factor));
        weights.to_bytes().expect("bytes")
    }
}

/// A copy of the crate's shaders in a folder.
pub struct ShaderFiles(pub PathBuf);

impl ShaderFiles {
    pub fn new(folder: PathBuf) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
        for part in ["lib", "ops", "io"] {
            std::fs::create_dir_all(folder.join(part)).expect("a folder");
            for entry in std::fs::read_dir(from.join(part)).expect("shaders") {
                let entry = entry.expect("a readable entry");
                std::fs::copy(entry.path(), folder.join(part).join(entry.file_name())).expect("a copy");
            }
        }
        Self(folder)
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).expect("a shader")
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.join(file), text).expect("a writable folder");
    }

    /// Replaces a part of a file; returns what was in it.
    pub fn edit(&self, file: &str, from: &str, to: &str) -> String {
        let text = self.read(file);
        assert!(text.contains(from), "`{from}` in {file}");
        self.write(file, &text.replacen(from, to, 1));
        text
    }
}
