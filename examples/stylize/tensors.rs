//! Writes the network's tensors as they are on the GPU.

use std::path::Path;

use bevy::prelude::*;
use bevy_toonface::ecs::{CartoonTaps, CartoonTensors};
use bevy_toonface::model::{Model, TensorFile};

use crate::headless::run_until;
use crate::input::Input;
use crate::run::{spawn, wait};

/// `input`, `output`, `cam_logit` [2, groups], `heatmap` and the model's taps.
pub fn write(app: &mut App, model: &Model, input: &Input, groups: &[String], file: &Path) -> Result<(), String> {
    let entity = spawn(app, input, &groups[0]);
    let names = model.graph.outputs().iter().map(|(name, _)| name.clone()).collect();
    app.world_mut().entity_mut(entity).insert(CartoonTaps { names });
    wait(app, &[entity])?;
    let limit = std::time::Duration::from_secs(60);
    let tensors = run_until(app, limit, |world| world.get::<CartoonTensors>(entity).cloned())?;
    let mut out = TensorFile { file: file.display().to_string(), ..default() };
    for (name, mut tensor) in tensors.0 {
        if name == "cam_logit" {
            tensor.dims = vec![2, model.manifest.groups.len()];
        }
        out.tensors.insert(name, tensor);
    }
    let bytes = out.to_bytes().map_err(|e| e.to_string())?;
    std::fs::write(file, bytes).map_err(|e| format!("cannot write `{}`: {e}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}
