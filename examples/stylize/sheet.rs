//! Saves the cartoons, and contact sheets of them.

use std::path::{Path, PathBuf};

use image::imageops::{FilterType, overlay, resize};
use image::{Rgba, RgbaImage};

use crate::input::{Content, Input};

/// Side of a picture on a sheet.
const CELL: u32 = 192;
/// Space between pictures.
const GAP: u32 = 8;
/// Pairs in a row of the sheet of own groups.
const PAIRS_IN_ROW: usize = 5;

/// Writes `NAME.GROUP.png` for each cartoon, and the sheets.
pub fn save(out: &Path, inputs: &[Input], groups: &[String], cartoons: &[Vec<RgbaImage>]) -> Result<(), String> {
    std::fs::create_dir_all(out).map_err(|e| format!("cannot make the folder `{}`: {e}", out.display()))?;
    for (input, row) in inputs.iter().zip(cartoons) {
        for (group, cartoon) in groups.iter().zip(row) {
            write(&out.join(format!("{}.{group}.png", input.name)), cartoon)?;
        }
    }
    let rows: Vec<Vec<&RgbaImage>> =
        inputs.iter().zip(cartoons).map(|(input, row)| picture(input).into_iter().chain(row).collect()).collect();
    let all = write(&out.join("all_groups.png"), &sheet(&rows))?;

    // Portraits named after their group are shown beside their own cartoon.
    let own: Vec<[&RgbaImage; 2]> = inputs
        .iter()
        .zip(cartoons)
        .filter_map(|(input, row)| {
            let group = groups.iter().position(|g| input.name.starts_with(g.as_str()))?;
            Some([picture(input)?, &row[group]])
        })
        .collect();
    if !own.is_empty() {
        let rows: Vec<Vec<&RgbaImage>> = own.chunks(PAIRS_IN_ROW).map(|pairs| pairs.concat()).collect();
        println!("each portrait beside its cartoon: {}", write(&out.join("sheet.png"), &sheet(&rows))?.display());
    }
    println!("each portrait, then {}: {}", groups.join(", "), all.display());
    Ok(())
}

fn picture(input: &Input) -> Option<&RgbaImage> {
    match &input.content {
        Content::Picture(picture) => Some(picture),
        Content::Tensor(_) => None,
    }
}

fn write(path: &Path, picture: &RgbaImage) -> Result<PathBuf, String> {
    picture.save(path).map_err(|e| format!("cannot write `{}`: {e}", path.display()))?;
    Ok(std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
}

/// Pictures in a grid on white, each fitted into its cell.
fn sheet(rows: &[Vec<&RgbaImage>]) -> RgbaImage {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let step = CELL + GAP;
    let mut sheet = RgbaImage::from_pixel(columns * step + GAP, rows.len() as u32 * step + GAP, Rgba([255; 4]));
    for (y, row) in (0u32..).zip(rows) {
        for (x, picture) in (0u32..).zip(row) {
            let (width, height) = picture.dimensions();
            let scale = f64::from(CELL) / f64::from(width.max(height));
            let fit = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
            let small = resize(*picture, fit(width), fit(height), FilterType::CatmullRom);
            let center = |n: u32| i64::from((CELL - n.min(CELL)) / 2);
            let (left, top) = (center(small.width()), center(small.height()));
            overlay(&mut sheet, &small, i64::from(x * step + GAP) + left, i64::from(y * step + GAP) + top);
        }
    }
    sheet
}
