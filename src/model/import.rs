//! Importer for published checkpoints (light form), saved as safetensors with their official state-dict names.

use std::collections::BTreeSet;

use super::{
    Checkpoint, Generator, GroupEntry, MANIFEST_VERSION, Manifest, Model, ModelError, Owner, Param, Tensor, TensorFile,
};

/// Groups in the order of the published checkpoints.
const GROUPS: [&str; 4] = ["woman", "man", "kid", "elderly"];

/// Weights that the published network carries but never uses: the 1x1 convolution of every block with equal
/// input and output channels.
const DEAD: &str = ".ConvBlock4.2.weight";

/// Turns a published checkpoint into a `Paper` model: few_shot_face2cartoon with one to four groups, or photo2cartoon.
///
/// The form is told from the tensors ([`Checkpoint::recognise`]). Groups are named woman, man, kid, elderly in that order.
///
/// # Errors
/// [`ModelError::Import`] if it is of no form that can be imported; [`ModelError::MissingTensor`],
/// [`ModelError::TensorShape`] or [`ModelError::UnknownTensor`] with the official name if a tensor does not fit (another
/// `base_channels`, say).
pub fn import_checkpoint(
    checkpoint: &TensorFile,
    base_channels: usize,
    image_size: usize,
) -> Result<Model, ModelError> {
    import(&Checkpoint::recognise(checkpoint)?, base_channels, image_size)
}

pub(super) fn import(
    checkpoint: &Checkpoint<'_>,
    base_channels: usize,
    image_size: usize,
) -> Result<Model, ModelError> {
    let groups = checkpoint.form.groups();
    let generator = Generator::Paper { base_channels, image_size };
    let graph = generator.build(groups)?;

    let mut used = BTreeSet::new();
    let mut file = |owner: Owner, group: usize, name: &str| -> Result<TensorFile, ModelError> {
        let mut out = TensorFile { file: format!("{name}.safetensors"), ..TensorFile::default() };
        for param in graph.params().iter().filter(|p| p.owner == owner) {
            let (official, tensor) = take(checkpoint, param, group, groups)?;
            used.insert(official);
            out.tensors.insert(param.path.clone(), tensor);
        }
        Ok(out)
    };
    let trunk = file(Owner::Trunk, 0, "trunk")?;
    let branches = (0..groups).map(|g| file(Owner::Branch, g, GROUPS[g])).collect::<Result<_, _>>()?;

    if let Some(tensor) = checkpoint.names().find(|t| !used.contains(*t) && !t.ends_with(DEAD)) {
        return Err(ModelError::UnknownTensor { file: checkpoint.name().to_owned(), tensor: tensor.to_owned() });
    }
    let entry = |g: &str| GroupEntry { name: g.to_owned(), weights: format!("{g}.safetensors") };
    let manifest = Manifest {
        version: MANIFEST_VERSION,
        name: "imported".into(),
        generator,
        trunk: "trunk.safetensors".into(),
        groups: GROUPS[..groups].iter().map(|g| entry(g)).collect(),
    };
    Model::new(manifest, trunk, branches)
}

/// Finds a parameter under its official name and brings it into our shape.
fn take(
    checkpoint: &Checkpoint<'_>,
    param: &Param,
    group: usize,
    groups: usize,
) -> Result<(String, Tensor), ModelError> {
    let (module, leaf) = param.path.split_once('.').unwrap_or((&param.path, ""));
    let official = match leaf.split_once('.') {
        Some((head @ ("gap" | "gmp"), rest)) if module == "cam" => format!("{}.{rest}", checkpoint.head(head)),
        _ => official_name(module, leaf, group),
    };
    if module == "cam" && param.owner == Owner::Branch {
        // One row of the head's [groups, channels] matrix or [groups] bias.
        let row = param.elements();
        let dims: &[usize] = if leaf.ends_with("bias") { &[groups] } else { &[groups, row] };
        let all = checkpoint.get(&official, dims)?;
        let data = all.data[group * row..(group + 1) * row].to_vec();
        return Ok((official, Tensor { dims: param.dims.clone(), data }));
    }
    let dims = official_dims(leaf, &param.dims);
    let data = checkpoint.get(&official, &dims)?.data.clone();
    Ok((official, Tensor { dims: param.dims.clone(), data }))
}

/// Per-channel tensors of the norms are `[1, C, 1, 1]` there and the mix weights `[1, C]`.
fn official_dims(leaf: &str, dims: &[usize]) -> Vec<usize> {
    let last = leaf.rsplit('.').next().unwrap_or(leaf);
    match last {
        "rho" | "gamma" | "beta" => vec![1, dims[0], 1, 1],
        "mix_gamma" | "mix_beta" => vec![1, dims[0]],
        _ => dims.to_vec(),
    }
}

/// Our dotted path to the published name. Branch modules of group 1..3 carry the group as a suffix there.
fn official_name(module: &str, leaf: &str, group: usize) -> String {
    let suffix = if group == 0 { String::new() } else { format!("_{group}") };
    let number = module.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    match module.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "stem" => format!("ConvBlock1{suffix}.1.{leaf}"),
        "head" => format!("ConvBlock2{suffix}.1.{leaf}"),
        "hourglass" => {
            let suffix = if matches!(number, "1" | "4") { suffix } else { String::new() };
            format!("HourGlass{number}{suffix}.{}", hourglass_name(leaf))
        }
        "down" => format!("DownBlock{number}.1.{leaf}"),
        "encode" => format!(
            "EncodeBlock{number}.{}",
            replace_head(leaf, &[("conv1", "conv_block.1"), ("conv2", "conv_block.5")])
        ),
        "cam" => replace_head(leaf, &[("conv", "conv1x1")]),
        "style" => format!("FC.{}", replace_head(leaf, &[("fc1", "0"), ("fc2", "2")])),
        "decode" => format!("DecodeBlock{number}.{}", decode_name(leaf)),
        "up" if leaf == "weight" => format!("UpBlock{number}.2.{leaf}"),
        "up" => format!("UpBlock{number}.3.{leaf}"),
        _ => format!("{module}.{leaf}"),
    }
}

fn hourglass_name(leaf: &str) -> String {
    let (stage, rest) = leaf.split_once('.').unwrap_or((leaf, ""));
    let number = stage.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let block = match stage.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "skip" => format!("HG.0.ConvBlock{number}_1"),
        "down" => format!("HG.0.ConvBlock{number}_2"),
        "bottom" if number == "1" => "HG.0.ConvBlock5".into(),
        "bottom" => "HG.0.ConvBlock6".into(),
        "refine" => format!(
            "HG.0.ConvBlock{}",
            match number {
                "4" => 7,
                "3" => 8,
                _ => 9,
            }
        ),
        "neck" => "HG.1".into(),
        "out" => return format!("HG.2.{rest}"),
        "head" => return format!("Conv1.{rest}"),
        "from_body" => return format!("Conv2.{rest}"),
        "from_head" => return format!("Conv3.{rest}"),
        _ => stage.into(),
    };
    format!(
        "{block}.{}",
        replace_head(rest, &[("conv1", "ConvBlock1.3"), ("conv2", "ConvBlock2.3"), ("conv3", "ConvBlock3.3")])
    )
}

fn decode_name(leaf: &str) -> String {
    [("style_", "s_"), ("content_", "c_"), ("mix_", "w_"), (".fc1.", ".0."), (".fc2.", ".2."), (".rho", ".norm.rho")]
        .iter()
        .fold(leaf.to_owned(), |name, (ours, theirs)| name.replace(ours, theirs))
}

/// Replaces the first dotted part.
fn replace_head(leaf: &str, table: &[(&str, &str)]) -> String {
    let (head, rest) = leaf.split_once('.').unwrap_or((leaf, ""));
    match table.iter().find(|(ours, _)| *ours == head) {
        Some((_, theirs)) => format!("{theirs}.{rest}"),
        None => leaf.to_owned(),
    }
}
