//! The manifest of a model package, `*.cartoon.ron`.

use serde::{Deserialize, Serialize};

use super::generator::MAX_GROUPS;
use super::{Generator, ModelError};

/// The manifest version this build reads and writes.
pub const MANIFEST_VERSION: u32 = 1;

/// A model package: which network, and the files with its weights. Unknown fields are refused.
///
/// ```
/// use bevy_toonface::model::Manifest;
/// let text = r#"(
///     version: 1,
///     name: "toon",
///     generator: Lite(base_channels: 16, image_size: 128, branch: ["stem", "head"]),
///     trunk: "trunk.safetensors",
///     groups: [(name: "woman", weights: "woman.safetensors")],
/// )"#;
/// let manifest = Manifest::parse("toon.cartoon.ron", text.as_bytes())?;
/// assert_eq!(manifest.group_names(), ["woman"]);
/// # Ok::<(), bevy_toonface::model::ModelError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version, [`MANIFEST_VERSION`].
    pub version: u32,
    /// The model's name, used in labels.
    pub name: String,
    /// Which network the weights belong to.
    pub generator: Generator,
    /// File with the weights shared by all groups, relative to the manifest.
    pub trunk: String,
    /// The groups in order; the position is the group's index in the CAM head.
    pub groups: Vec<GroupEntry>,
}

/// One group of a model package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupEntry {
    /// The name a game uses in `CartoonGroup::new`.
    pub name: String,
    /// File with the group's branch weights, relative to the manifest.
    pub weights: String,
}

impl Manifest {
    /// Reads and checks a manifest; `file` is its name in messages.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] (with line and column), [`ModelError::ManifestVersion`], or
    /// [`ModelError::ManifestField`] if there is no group, a group is named twice, a file leaves the folder or the
    /// generator's configuration is out of range.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, ModelError> {
        let unreadable = |reason: String| ModelError::Manifest { file: file.to_owned(), reason };
        let text = std::str::from_utf8(bytes).map_err(|e| unreadable(e.to_string()))?;
        check_version(file, text)?;
        let manifest: Self = ron::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        manifest.check().map_err(|error| match error {
            ModelError::Config { field, reason } => ModelError::ManifestField { file: file.to_owned(), field, reason },
            other => other,
        })?;
        Ok(manifest)
    }

    /// The manifest as readable RON.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] if it cannot be written as RON.
    pub fn to_ron(&self) -> Result<String, ModelError> {
        let pretty = ron::ser::PrettyConfig::new().depth_limit(3);
        ron::ser::to_string_pretty(self, pretty)
            .map(|text| text + "\n")
            .map_err(|e| ModelError::Manifest { file: self.name.clone(), reason: e.to_string() })
    }

    /// The groups' names in order.
    pub fn group_names(&self) -> Vec<String> {
        self.groups.iter().map(|g| g.name.clone()).collect()
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        let groups = self.groups.len();
        if !(1..=MAX_GROUPS).contains(&groups) {
            return Err(ModelError::config("groups", format!("must name 1..={MAX_GROUPS} groups, got {groups}")));
        }
        for (i, group) in self.groups.iter().enumerate() {
            if group.name.is_empty() || self.groups[..i].iter().any(|g| g.name == group.name) {
                return Err(ModelError::config("groups", format!("has the name `{}` empty or twice", group.name)));
            }
        }
        let files = self.groups.iter().map(|g| &g.weights).chain([&self.trunk]);
        for file in files {
            // A package is one folder: nothing in it may reach outside.
            let leaves = file.is_empty() || file.starts_with('/') || file.contains("..") || file.contains(':');
            if leaves || file.contains('\\') {
                return Err(ModelError::config("weights", format!("`{file}` must be a path below the manifest")));
            }
        }
        self.generator.check()
    }
}

/// Reads the version alone first, so that a manifest of another version is named as such whatever its fields.
fn check_version(file: &str, text: &str) -> Result<(), ModelError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    match ron::from_str::<Version>(text) {
        Ok(Version { version }) if version != MANIFEST_VERSION => {
            Err(ModelError::ManifestVersion { file: file.to_owned(), found: version, supported: MANIFEST_VERSION })
        }
        _ => Ok(()),
    }
}
