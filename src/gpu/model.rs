//! The model in the render world: the same data, with a number that changes when it does.

use std::sync::atomic::{AtomicU64, Ordering};

use bevy::asset::AssetId;
use bevy::ecs::system::SystemParamItem;
use bevy::render::render_asset::{PrepareAssetError, RenderAsset};

use crate::ecs::CartoonModel;
use crate::model::Model;
use crate::plan::{Plan, PlanError, PlanOptions};

/// A model as the render world has it.
#[derive(Debug)]
pub(super) struct RenderCartoonModel {
    source: CartoonModel,
    /// Differs between any two versions of any model.
    pub version: u64,
}

impl RenderCartoonModel {
    /// Graph and weights.
    pub fn model(&self) -> &Model {
        &self.source.model
    }

    /// A plan: the loader's, or a new one.
    ///
    /// # Errors
    /// See [`Plan::new`].
    pub fn plan(&self, options: &PlanOptions) -> Result<Plan, PlanError> {
        self.source.take_plan(options).map_or_else(|| Plan::new(self.model(), options.clone()), Ok)
    }
}

impl RenderAsset for RenderCartoonModel {
    type SourceAsset = CartoonModel;
    type Param = ();

    fn prepare_asset(
        source: CartoonModel,
        _id: AssetId<CartoonModel>,
        _param: &mut SystemParamItem<()>,
        _previous: Option<&Self>,
    ) -> Result<Self, PrepareAssetError<CartoonModel>> {
        static VERSION: AtomicU64 = AtomicU64::new(1);
        Ok(Self { source, version: VERSION.fetch_add(1, Ordering::Relaxed) })
    }
}
