//! The targets: bytes in, no panic, no hang, no more memory than the input justifies, and what is accepted survives being
//! written and read again.

use arbitrary::{Result, Unstructured};

use crate::alloc::peak;
use crate::model::{Checkpoint, Generator, Manifest, Model, Tensor, TensorFile};

/// Memory that any input may cost, however short.
const BASE: usize = 256 << 10;
/// Bytes that a byte of a manifest may cost: three bytes, `"",`, are a string in two parsers.
const MANIFEST_FACTOR: usize = 64;
/// Bytes that a byte of a weight file may cost: a dimension of a shape is two bytes in the header, eight in a vector, several
/// times.
const WEIGHTS_FACTOR: usize = 64;

fn bounded<T>(what: &str, input: usize, factor: usize, work: impl FnOnce() -> T) -> T {
    let (bytes, result) = peak(work);
    let limit = BASE + factor * input;
    assert!(bytes <= limit, "{what}: {bytes} bytes for an input of {input}, more than {limit}");
    result
}

/// A manifest.
pub fn manifest(data: &[u8]) {
    let parsed = bounded("manifest", data.len(), MANIFEST_FACTOR, || Manifest::parse("fuzzed.cartoon.ron", data));
    let Ok(manifest) = parsed else { return };
    let text = manifest.to_ron().expect("what was read can be written");
    let again = Manifest::parse("again.cartoon.ron", text.as_bytes());
    assert_eq!(again.as_ref(), Ok(&manifest), "{text}");
    // Weights of another model.
    let foreign = TensorFile::default();
    assert!(Model::new(manifest, foreign, Vec::new()).is_err());
}

/// A weight file.
pub fn safetensors(data: &[u8]) {
    let parsed = bounded("weights", data.len(), WEIGHTS_FACTOR, || TensorFile::parse("fuzzed.safetensors", data));
    let Ok(file) = parsed else { return };
    for (name, tensor) in &file.tensors {
        let elements = tensor.dims.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim));
        assert_eq!(elements, Some(tensor.data.len()), "{name}");
    }
    let bytes = file.to_bytes().expect("what was read can be written");
    assert_eq!(TensorFile::parse("fuzzed.safetensors", &bytes), Ok(file));
}

/// A published checkpoint that is not quite one. The bytes are choices: which form, and what is wrong with it.
pub fn importer(data: &[u8]) {
    // Running out of bytes is running out of things to change.
    let _ = import(&mut Unstructured::new(data));
}

fn import(choices: &mut Unstructured) -> Result<()> {
    let mut file = checkpoint(choices.arbitrary()?);
    let mut changes = 0;
    while changes < 8 && choices.arbitrary()? {
        change(&mut file, choices)?;
        changes += 1;
    }
    let (channels, size) = (choices.int_in_range(0..=300)?, choices.int_in_range(0..=40)? * 32);
    let input: usize = file.tensors.iter().map(|(name, tensor)| name.len() + 4 * tensor.data.len() + 64).sum();
    let own = bounded("recognise", input, 2, || Checkpoint::recognise(&file).map(|known| known.base_channels));
    let channels = if choices.arbitrary()? { own.unwrap_or(channels) } else { channels };
    let imported = bounded("import", input, 16, || crate::model::import_checkpoint(&file, channels, size));
    if let Ok(model) = imported {
        assert_eq!(model.manifest.generator, Generator::Paper { base_channels: channels, image_size: size });
        assert_eq!(model.weights.branches.len(), model.manifest.groups.len());
    }
    Ok(())
}

/// Names and shapes of a whole checkpoint, all values a half.
pub fn checkpoint(form: u8) -> TensorFile {
    use std::sync::OnceLock;
    static FORMS: OnceLock<[TensorFile; 2]> = OnceLock::new();
    let make = |text: &str| {
        let tensors = text.lines().filter_map(|line| line.split_once(' ')).map(|(name, dims)| {
            let dims: Vec<usize> = dims.split('x').filter_map(|dim| dim.parse().ok()).collect();
            let data = vec![0.5; dims.iter().product()];
            (name.to_owned(), Tensor { dims, data })
        });
        TensorFile { file: "fuzzed.safetensors".into(), tensors: tensors.collect() }
    };
    let forms = FORMS.get_or_init(|| [make(include_str!("few_shot.txt")), make(include_str!("photo2cartoon.txt"))]);
    forms[usize::from(form) % 2].clone()
}

/// One thing that is wrong.
fn change(file: &mut TensorFile, choices: &mut Unstructured) -> Result<()> {
    let count = file.tensors.len();
    if count == 0 {
        return Ok(());
    }
    let chosen = choices.choose_index(count)?;
    let name = file.tensors.keys().nth(chosen).cloned().unwrap_or_default();
    match choices.int_in_range(0..=8)? {
        0 => drop(file.tensors.remove(&name)),
        1 => {
            let renamed: String = choices.arbitrary()?;
            let tensor = file.tensors.remove(&name).unwrap_or_default();
            file.tensors.insert(renamed, tensor);
        }
        2 => {
            let dims: Vec<usize> =
                (0..choices.int_in_range(0..=5)?).map(|_| choices.int_in_range(0..=9)).collect::<Result<_>>()?;
            let data = vec![0.25; dims.iter().product()];
            file.tensors.insert(name, Tensor { dims, data });
        }
        3 => {
            // A shape that its values do not fill.
            let tensor = file.tensors.entry(name).or_default();
            tensor.data.truncate(choices.int_in_range(0..=9)?);
        }
        4 => {
            let tensor = file.tensors.entry(name).or_default();
            tensor.dims = vec![choices.arbitrary()?, choices.arbitrary()?];
        }
        5 => {
            let head = ["gap_fc.weight", "gap_fc_new.weight", "gmp_fc.weight", "FC.0.weight"];
            let rows = choices.int_in_range(0..=6)?;
            file.tensors
                .insert((*choices.choose(&head)?).into(), Tensor { dims: vec![rows, 16], data: vec![0.0; rows * 16] });
        }
        6 => {
            let prefix = *choices.choose(&["module.", "genA2B.", "genA2B.module.", "x."])?;
            file.tensors =
                std::mem::take(&mut file.tensors).into_iter().map(|(name, t)| (format!("{prefix}{name}"), t)).collect();
        }
        7 => file.tensors.retain(|other, _| *other >= name),
        _ => file.tensors.entry(name).or_default().data.iter_mut().for_each(|value| *value = f32::NAN),
    }
    Ok(())
}
