//! Where the first NaN is: reads every layer of a cartoon's network in order, some at a time.

use bevy::prelude::*;

use super::reader::{LayerReader, Read};
use super::stats::Stats;
use crate::ecs::{
    Cartoon, CartoonGroup, CartoonModel, CartoonSource, CartoonStatus, CartoonTensors, CartoonView, DefaultCartoonModel,
};
use crate::model::{Graph, NodeId, Tensor};

/// Bytes of layers that are read at once at most, unless a layer alone has more. They are kept on the device together.
const CHUNK_BYTES: usize = 32 << 20;
/// Layers that are read at once at most.
const CHUNK_LAYERS: usize = 64;

/// Insert it into an entity with a cartoon to find the first layer with values that are not finite. It is taken away when
/// the answer is there, as [`ProbeReport`]. The entity's own cartoon is not touched: the layers are read beside it, in
/// chains of passes of their own.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_toonface::prelude::*;
/// # use bevy_toonface::debug_ui::{NanProbe, ProbeReport};
/// # fn ask(mut commands: Commands, portrait: Single<Entity, With<CartoonGroup>>) {
/// commands.entity(*portrait).insert(NanProbe::default());
/// # }
/// fn answer(reports: Query<(Entity, &ProbeReport), Changed<ProbeReport>>) {
///     for (entity, report) in &reports {
///         info!("{entity}: {report}");
///     }
/// }
/// ```
#[derive(Component, Debug, Default)]
#[require(ProbeReport)]
pub struct NanProbe {
    /// Layers that are still to be read, a chunk at a time; `None` until the model is there.
    chunks: Option<Vec<Vec<String>>>,
    reader: Option<Entity>,
}

/// What a [`NanProbe`] has found.
#[derive(Component, Debug, Clone, Default, PartialEq)]
pub enum ProbeReport {
    /// Nothing yet.
    #[default]
    Waiting,
    /// So many layers were read, all of them finite.
    Reading {
        /// Layers that were read.
        read: usize,
        /// Layers that there are.
        of: usize,
    },
    /// All layers are finite.
    Healthy {
        /// Layers that were read.
        layers: usize,
    },
    /// The first layer with values that are not finite; all layers before it are.
    NotFinite {
        /// The layer, as [`Graph::layer`] finds it.
        layer: String,
        /// Its op and shape.
        what: String,
        /// Its values.
        stats: Stats,
    },
    /// The layers could not be read, and why.
    Failed(String),
}

impl std::fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waiting => write!(f, "waiting for the model"),
            Self::Reading { read, of } => write!(f, "read {read} of {of} layers, all finite so far"),
            Self::Healthy { layers } => write!(f, "all {layers} layers are finite"),
            Self::NotFinite { layer, what, stats: Stats { nan, infinite, count, .. } } => write!(
                f,
                "`{layer}` ({what}) is the first layer that is not finite: {nan} NaN and {infinite} Inf of {count} values"
            ),
            Self::Failed(reason) => write!(f, "the layers could not be read: {reason}"),
        }
    }
}

/// The name under which [`Graph::layer`] finds a node.
pub(super) fn layer_name(graph: &Graph, id: NodeId) -> String {
    let name = &graph.node(id).name;
    if graph.layer(name) == Some(id) { name.clone() } else { format!("{}{name}", Graph::NODE) }
}

/// Names of all nodes, in order.
pub(super) fn layer_names(graph: &Graph) -> Vec<String> {
    graph.ids().map(|id| layer_name(graph, id)).collect()
}

/// All layers in order, in chunks that are read together; the last chunk comes first, so that the next is popped.
fn chunks(graph: &Graph) -> Vec<Vec<String>> {
    let mut chunks: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for id in graph.ids() {
        let own = graph.node(id).shape.elements() * size_of::<f32>();
        bytes += own;
        match chunks.last_mut() {
            Some(chunk) if bytes <= CHUNK_BYTES && chunk.len() < CHUNK_LAYERS => chunk.push(layer_name(graph, id)),
            _ => {
                chunks.push(vec![layer_name(graph, id)]);
                bytes = own;
            }
        }
    }
    chunks.reverse();
    chunks
}

/// The first of these layers that is not finite; `None` while a layer is missing.
fn first_not_finite(names: &[String], tensors: &CartoonTensors) -> Option<Option<(String, Stats)>> {
    let find = |name: &String| tensors.0.iter().find(|(n, _)| n == name);
    let layers: Vec<&(String, Tensor)> = names.iter().map(find).collect::<Option<_>>()?;
    let stats = layers.into_iter().map(|(name, tensor)| (name.clone(), Stats::of(tensor.data.iter().copied())));
    Some(stats.into_iter().find(|(_, stats)| !stats.is_finite()))
}

/// Cartoons that are probed.
type Probed = (
    Entity,
    &'static mut NanProbe,
    &'static mut ProbeReport,
    Option<&'static CartoonGroup>,
    Option<&'static Cartoon>,
    Option<&'static CartoonSource>,
    Option<&'static CartoonStatus>,
    Option<&'static CartoonView>,
);

/// Goes on with all probes.
pub(super) fn run_probes(
    mut probes: Query<Probed, Without<LayerReader>>,
    readers: Query<(&CartoonStatus, Option<&CartoonTensors>), With<LayerReader>>,
    models: Res<Assets<CartoonModel>>,
    default_model: Option<Res<DefaultCartoonModel>>,
    mut commands: Commands,
) {
    for (entity, mut probe, mut report, group, cartoon, source, status, view) in &mut probes {
        let (Some(group), Some(cartoon), Some(source)) = (group, cartoon, source) else {
            *report = ProbeReport::Failed("the entity has no cartoon".into());
            commands.entity(entity).try_remove::<NanProbe>();
            continue;
        };
        let handle = cartoon.model.as_ref().or(default_model.as_ref().map(|model| &model.0));
        let Some(model) = handle.and_then(|handle| models.get(handle)) else {
            if let Some(error) = status.and_then(CartoonStatus::error) {
                *report = ProbeReport::Failed(error.to_string());
                commands.entity(entity).try_remove::<NanProbe>();
            }
            continue;
        };
        let graph = &model.model.graph;
        let NanProbe { chunks: left, reader: current } = &mut *probe;
        let chunks = left.get_or_insert_with(|| chunks(graph));
        let left: usize = chunks.iter().map(Vec::len).sum();
        let Some(names) = chunks.last() else {
            *report = ProbeReport::Healthy { layers: graph.nodes().len() };
            commands.entity(entity).try_remove::<NanProbe>();
            continue;
        };
        let Some(reader) = *current else {
            report.set_if_neq(ProbeReport::Reading { read: graph.nodes().len() - left, of: graph.nodes().len() });
            let read = Read::new(group, cartoon, source, view, names.clone());
            *current = Some(read.spawn(entity, &mut commands));
            continue;
        };
        let found = match readers.get(reader) {
            Ok((CartoonStatus::Failed(error), _)) => Some(ProbeReport::Failed(error.to_string())),
            Ok((_, Some(tensors))) => match first_not_finite(names, tensors) {
                None => continue,
                Some(None) => None,
                Some(Some((layer, stats))) => {
                    let what = graph.layer(&layer).map(|id| graph.node(id));
                    let what = what.map_or_else(String::new, |node| format!("{}, {}", node.op.name(), node.shape));
                    Some(ProbeReport::NotFinite { layer, what, stats })
                }
            },
            Ok((_, None)) => continue,
            Err(_) => Some(ProbeReport::Failed("the reader of the layers was despawned".into())),
        };
        commands.entity(reader).try_despawn();
        *current = None;
        match found {
            Some(found) => {
                *report = found;
                commands.entity(entity).try_remove::<NanProbe>();
            }
            None => {
                chunks.pop();
            }
        }
    }
}

/// A probe that is taken away or put anew, or whose entity is despawned, leaves no reader behind.
pub(super) fn drop_reader(discarded: On<Discard, NanProbe>, probes: Query<&NanProbe>, mut commands: Commands) {
    if let Ok(NanProbe { reader: Some(reader), .. }) = probes.get(discarded.entity) {
        commands.entity(*reader).try_despawn();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Generator;

    #[test]
    fn every_layer_is_read_once_in_order() {
        for generator in [
            Generator::Paper { base_channels: 8, image_size: 64 },
            Generator::Lite { base_channels: 16, image_size: 128, branch: vec!["stem".into()] },
        ] {
            let graph = generator.build(4).expect("a graph");
            let mut parts = chunks(&graph);
            parts.reverse();
            let bytes = |chunk: &Vec<String>| -> usize {
                let shape = |name: &String| graph.node(graph.layer(name).expect("a layer")).shape;
                chunk.iter().map(|name| shape(name).elements() * 4).sum()
            };
            assert!(parts.len() > 1 && parts.iter().all(|chunk| bytes(chunk) <= CHUNK_BYTES));
            let names = parts.concat();
            assert_eq!(names, layer_names(&graph));
            let ids: Vec<NodeId> = names.iter().map(|name| graph.layer(name).expect("a layer")).collect();
            assert_eq!(ids, graph.ids().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_layer_that_is_not_finite_is_told_once_all_are_there() {
        let tensor = |values: &[f32]| Tensor { dims: vec![values.len()], data: values.to_vec() };
        let names = ["a", "b", "c"].map(String::from);
        let mut tensors = CartoonTensors(vec![("c".into(), tensor(&[f32::NAN])), ("a".into(), tensor(&[1.0, 2.0]))]);
        assert_eq!(first_not_finite(&names, &tensors), None);
        tensors.0.push(("b".into(), tensor(&[0.0, f32::INFINITY])));
        let (layer, stats) = first_not_finite(&names, &tensors).flatten().expect("b");
        assert_eq!((layer.as_str(), stats.nan, stats.infinite), ("b", 0, 1));
        assert_eq!(first_not_finite(&names[..1], &tensors), Some(None));
    }

    #[test]
    fn a_report_reads_as_a_sentence() {
        let stats = Stats::of([1.0, f32::NAN, f32::NAN, f32::INFINITY]);
        let report = ProbeReport::NotFinite { layer: "encode2".into(), what: "add, 64x32x32".into(), stats };
        let expected = "`encode2` (add, 64x32x32) is the first layer that is not finite: 2 NaN and 1 Inf of 4 values";
        assert_eq!(report.to_string(), expected);
    }
}
