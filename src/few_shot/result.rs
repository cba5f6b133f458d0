//! A trained branch, to keep.

use bevy::prelude::*;

use crate::model::{GroupEntry, ModelError, TensorFile};

/// What a session has trained. Stays on the session's entity.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct FewShotResult {
    /// Name of the group.
    pub name: String,
    /// The step after which the weights were like this: the last one, or that of the least loss of the pairs that were
    /// held out.
    pub step: usize,
    /// All weights of the branch.
    pub branch: TensorFile,
}

impl FewShotResult {
    /// The group's line in a manifest.
    pub fn entry(&self) -> GroupEntry {
        GroupEntry { name: self.name.clone(), weights: format!("{}.safetensors", self.name) }
    }

    /// The bytes of `<group>.safetensors`, for an app that keeps files its own way, as in a browser.
    ///
    /// # Errors
    /// [`ModelError::Safetensors`] if a tensor's shape and length disagree.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        self.branch.to_bytes()
    }

    /// Adds the group to a package on disk, given the path of its manifest: one file, and one line. The next start has it.
    ///
    /// # Errors
    /// [`ModelError`] if the manifest cannot be read, has a group of that name, or a file cannot be written.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn save(&self, manifest: &std::path::Path) -> Result<(), ModelError> {
        crate::model::Model::add_group_on_disk(manifest, &self.entry(), &self.branch)
    }
}
