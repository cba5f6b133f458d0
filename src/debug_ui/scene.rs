//! What there is to show, read from the world once a frame.

use std::sync::Arc;

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use super::probe::ProbeReport;
use super::reader::{LayerReader, picture};
use crate::ecs::{
    Cartoon, CartoonBudget, CartoonGroup, CartoonModel, CartoonOutput, CartoonSource, CartoonStatus, CartoonTensors,
    CartoonView, DefaultCartoonModel, UpdateRate,
};
use crate::gpu::{CartoonChains, CartoonCounters, CartoonProfiling, ChainInfo};
use crate::model::Model;

/// An entity with a cartoon.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub entity: Entity,
    pub name: String,
    pub group: String,
    pub strength: f32,
    pub update: UpdateRate,
    pub status: CartoonStatus,
    /// `None` until it has loaded.
    pub model: Option<Arc<Model>>,
    /// What the network sees.
    pub source: CartoonSource,
    pub output: Handle<Image>,
    pub probe: Option<ProbeReport>,
}

/// Everything that the panel shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Scene {
    /// In [`order`].
    pub rows: Vec<Row>,
    pub chains: Vec<ChainInfo>,
    pub counters: CartoonCounters,
    pub budget: CartoonBudget,
    pub profiling: bool,
}

type Cartoons = (
    Entity,
    Option<&'static Name>,
    &'static CartoonGroup,
    &'static Cartoon,
    &'static CartoonStatus,
    &'static CartoonSource,
    &'static CartoonOutput,
    Option<&'static ProbeReport>,
    Option<&'static CartoonView>,
);

/// Entities in the order in which they were made, as far as their numbers tell.
pub(super) fn order(entity: Entity) -> (u32, Entity) {
    (entity.index_u32(), entity)
}

/// Where it is read from.
#[derive(SystemParam)]
pub(super) struct SceneParams<'w, 's> {
    cartoons: Query<'w, 's, Cartoons, Without<LayerReader>>,
    readers: Query<'w, 's, (&'static CartoonStatus, Option<Ref<'static, CartoonTensors>>), With<LayerReader>>,
    models: Res<'w, Assets<CartoonModel>>,
    default_model: Option<Res<'w, DefaultCartoonModel>>,
    chains: Option<Res<'w, CartoonChains>>,
    counters: Option<Res<'w, CartoonCounters>>,
    budget: Res<'w, CartoonBudget>,
    profiling: Option<Res<'w, CartoonProfiling>>,
}

impl SceneParams<'_, '_> {
    /// Reads everything.
    pub fn scene(&self) -> Scene {
        let mut rows: Vec<Row> = self.cartoons.iter().map(|cartoon| self.row(cartoon)).collect();
        rows.sort_by_key(|row| order(row.entity));
        Scene {
            rows,
            chains: self.chains.as_ref().map_or_else(Vec::new, |chains| chains.0.clone()),
            counters: self.counters.as_deref().copied().unwrap_or_default(),
            budget: *self.budget,
            profiling: self.profiling.as_ref().is_some_and(|profiling| profiling.enabled),
        }
    }

    fn row(
        &self,
        (entity, name, group, cartoon, status, source, output, probe, view): <Cartoons as bevy::ecs::query::QueryData>::Item<
            '_,
            '_,
        >,
    ) -> Row {
        let default_model = self.default_model.as_ref().map(|model| &model.0);
        let handle = cartoon.model.as_ref().or(default_model);
        Row {
            entity,
            name: name.map_or_else(|| entity.to_string(), |name| name.to_string()),
            group: group.0.clone(),
            strength: cartoon.strength,
            update: cartoon.update,
            status: status.clone(),
            model: handle.and_then(|handle| self.models.get(handle)).map(|model| model.model.clone()),
            source: picture(source, view),
            output: output.image.clone(),
            probe: probe.cloned(),
        }
    }

    /// The status of a reader and what it has read.
    pub fn read(&self, reader: Entity) -> Option<(&CartoonStatus, Option<Ref<'_, CartoonTensors>>)> {
        self.readers.get(reader).ok()
    }
}

impl Scene {
    /// The row of an entity, if it is still there.
    pub fn row(&self, entity: Option<Entity>) -> Option<&Row> {
        self.rows.iter().find(|row| Some(row.entity) == entity)
    }

    /// The chain with a number; else the first that draws cartoons and nothing else, by the model of `row` if possible.
    pub fn chain(&self, number: Option<u64>, row: Option<&Row>) -> Option<&ChainInfo> {
        let model = row.and_then(|row| row.model.as_ref()).map(|model| model.manifest.name.as_str());
        let rank = |chain: &&ChainInfo| {
            (Some(chain.number) != number, Some(chain.model.as_str()) != model, !chain.taps.is_empty(), chain.number)
        };
        self.chains.iter().min_by_key(rank)
    }
}
