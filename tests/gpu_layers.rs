//! Any layer of a network can be read back: each is what the CPU reference says, however it is fused otherwise.

mod common;
#[path = "common/gpu.rs"]
mod gpu;

use std::sync::Arc;

use bevy::prelude::*;
use bevy_toonface::ecs::CartoonTaps;
use bevy_toonface::model::{Generator, Graph, Model, Tensor};
use bevy_toonface::plan::{Plan, PlanOptions};
use bevy_toonface::prelude::*;
use common::reference::evaluate;
use common::{Random, random_model, relative_error};
use gpu::{EIGHT_PLANES, Lab, RGBA, WEBGL2, add_model, read_tensors};

/// Of a layer's largest value: layers inside a whole network, random weights (DESIGN.md has 1e-4 for the taps).
const TOLERANCE: f32 = 2e-4;
/// Layers that are read at once.
const CHUNK: usize = 40;
const GROUP: usize = 1;

fn lite() -> Model {
    let branch = ["stem", "head", "decode2.norm1"].map(String::from).to_vec();
    random_model(Generator::Lite { base_channels: 8, image_size: 64, branch }, 3, 5)
}

fn paper() -> Model {
    random_model(Generator::Paper { base_channels: 4, image_size: 64 }, 2, 6)
}

/// Names of all nodes that are unmistakable.
fn names(graph: &Graph) -> Vec<String> {
    graph.nodes().iter().map(|node| format!("{}{}", Graph::NODE, node.name)).collect()
}

fn spawn(app: &mut App, model: &Handle<CartoonModel>, input: &Tensor, names: &[String]) -> Entity {
    let cartoon = Cartoon { model: Some(model.clone()), ..default() };
    let (source, taps) = (CartoonSource::Tensor(Arc::new(input.clone())), CartoonTaps { names: names.to_vec() });
    app.world_mut().spawn((source, cartoon, taps, CartoonGroup::new(format!("g{GROUP}")))).id()
}

/// Reads the layers that `keep` picks, some at a time, and compares them.
fn check(app: &mut App, model: Model, step: usize) {
    let graph = model.graph.clone();
    let shape = graph.input_shape().expect("an input");
    let input = Random::new(1).tensor(&[shape.channels, shape.height, shape.width], -1.0, 1.0);
    let expected = evaluate(&graph, &model.weights, GROUP, &input);
    let handle = add_model(app, model);
    let names: Vec<String> = names(&graph).into_iter().step_by(step).collect();
    let mut compared = 0;
    for chunk in names.chunks(CHUNK) {
        let entity = spawn(app, &handle, &input, chunk);
        let got = read_tensors(app, &[entity]).remove(0);
        for name in chunk {
            let node = name.strip_prefix(Graph::NODE).expect("a node");
            let (got, expected) = (&got[name], &expected.nodes[node]);
            assert_eq!(got.dims[1..], expected.dims, "{node}");
            let error = relative_error(&got.data, &expected.data);
            assert!(error <= TOLERANCE, "{node}: {error}");
            compared += 1;
        }
    }
    assert_eq!(compared, names.len());
}

fn check_on(lab: &'static Lab, model: fn() -> Model, step: usize) {
    lab.run(move |app| check(app, model(), step));
}

#[test]
fn every_layer_of_the_light_network() {
    check_on(&EIGHT_PLANES, lite, 1);
}

#[test]
fn layers_of_the_papers_network() {
    check_on(&EIGHT_PLANES, paper, 3);
}

#[test]
fn layers_in_other_formats_and_under_webgl2s_limits() {
    check_on(&RGBA, lite, 1);
    check_on(&WEBGL2, lite, 2);
}

#[test]
fn a_result_goes_before_a_node_of_the_same_name() {
    let graph = paper().graph;
    let [result, node] = ["up2", "node:up2"].map(|name| graph.node(graph.layer(name).expect("a layer")));
    assert_eq!((result.op.name(), node.op.name()), ("relu", "conv2d"));
    assert_eq!(graph.layer("hourglass1.skip2.conv3"), graph.layer("node:hourglass1.skip2.conv3"));
    assert_eq!((graph.layer("up3"), graph.layer("node:heatmap")), (None, None));
}

#[test]
fn a_layer_that_is_not_there_is_an_error_that_names_it() {
    let outputs = vec!["output".into(), "encode9.conv1".into()];
    let error = Plan::new(&lite(), PlanOptions { outputs, ..default() }).expect_err("no such layer").to_string();
    assert!(error.contains("`encode9.conv1`") && error.contains("heatmap"), "{error}");
}
