//! Models that change on disk. Bevy loads a manifest anew when a file that it was made of is written. What Bevy passes
//! over is done here: files that are saved by renaming another to them, and files that a load was missing.

use bevy::asset::io::file::FileAssetReader;
use bevy::asset::{AssetMode, AssetPath, LoadState};
use bevy::prelude::*;

use super::folder_watch::FolderWatch;
use super::{CartoonModel, ModelFiles};

/// The folder of the app's assets.
#[derive(Resource)]
struct ModelWatch(FolderWatch);

pub(super) fn plugin(app: &mut App) {
    let assets = app.get_added_plugins::<AssetPlugin>();
    let Some(plugin) = assets.first() else { return };
    let watches = plugin.watch_for_changes_override.unwrap_or(true);
    if !watches || !matches!(plugin.mode, AssetMode::Unprocessed) {
        return;
    }
    let folder = FileAssetReader::new(&plugin.file_path).root_path().clone();
    if !folder.is_dir() {
        return;
    }
    match FolderWatch::new(&folder) {
        Ok(watch) => {
            app.insert_resource(ModelWatch(watch)).add_systems(PreUpdate, reload_models);
        }
        Err(reason) => warn!("bevy_toonface: changed models are not loaded again: {reason}"),
    }
}

fn reload_models(watch: Res<ModelWatch>, files: Res<ModelFiles>, assets: Res<AssetServer>) {
    let mut reload: Vec<AssetPath<'static>> = Vec::new();
    for file in watch.0.written() {
        for manifest in files.manifests_of(&AssetPath::from(file.path)) {
            if (file.renamed || has_failed(&manifest, &assets)) && !reload.contains(&manifest) {
                reload.push(manifest);
            }
        }
    }
    reload.into_iter().for_each(|manifest| assets.reload(manifest));
}

fn has_failed(manifest: &AssetPath<'static>, assets: &AssetServer) -> bool {
    let handle = assets.get_handle::<CartoonModel>(manifest);
    handle.is_some_and(|handle| matches!(assets.get_load_state(&handle), Some(LoadState::Failed(_))))
}
