//! Which files a model package was read from, whether or not that went well.

use std::sync::{Arc, Mutex, PoisonError};

use bevy::asset::AssetPath;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;

/// The weight files of every manifest that was read, shared by the loader and those who watch files. A manifest that names
/// a file which is not there yet is known with that file.
#[derive(Resource, Debug, Clone, Default)]
pub struct ModelFiles(Arc<Mutex<HashMap<AssetPath<'static>, Vec<AssetPath<'static>>>>>);

impl ModelFiles {
    /// Notes which files a manifest names.
    pub fn set(&self, manifest: &AssetPath<'static>, files: Vec<AssetPath<'static>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(manifest.clone(), files);
    }

    /// The manifests that a file belongs to: those that name it, and itself.
    pub fn manifests_of(&self, file: &AssetPath<'static>) -> Vec<AssetPath<'static>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let belongs = |(manifest, files): &(&AssetPath<'static>, &Vec<_>)| *manifest == file || files.contains(file);
        known.iter().filter(belongs).map(|(manifest, _)| manifest.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{AssetPath, ModelFiles};

    #[test]
    fn a_file_belongs_to_the_manifests_that_name_it_last() {
        let path = AssetPath::from;
        let files = ModelFiles::default();
        files.set(&path("a/a.cartoon.ron"), vec![path("a/trunk"), path("a/kid")]);
        files.set(&path("b/b.cartoon.ron"), vec![path("a/trunk")]);
        let mut both = files.manifests_of(&path("a/trunk"));
        both.sort_by_key(ToString::to_string);
        assert_eq!(both, [path("a/a.cartoon.ron"), path("b/b.cartoon.ron")]);
        assert_eq!(files.manifests_of(&path("b/b.cartoon.ron")), [path("b/b.cartoon.ron")]);
        files.set(&path("a/a.cartoon.ron"), vec![path("a/trunk")]);
        assert_eq!(files.manifests_of(&path("a/kid")), []);
    }
}
