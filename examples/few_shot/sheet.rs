//! A sheet of photographs, cartoons, and what the network makes of them before and after.

use std::path::Path;

use bevy_toonface::model::Tensor;
use image::imageops::{FilterType, overlay, resize};
use image::{Rgba, RgbaImage};

use crate::pairs::Pair;

/// Side of a picture on the sheet.
const CELL: u32 = 192;
/// Space between pictures.
const GAP: u32 = 8;

/// A row a pair: photograph, cartoon, before, after.
pub fn before_and_after(rows: &[(&Pair, &Tensor, &Tensor)]) -> RgbaImage {
    let step = CELL + GAP;
    let mut sheet = RgbaImage::from_pixel(4 * step + GAP, rows.len() as u32 * step + GAP, Rgba([255; 4]));
    for (row, (pair, before, after)) in rows.iter().enumerate() {
        let cells = [pair.photo.clone(), pair.cartoon.clone(), picture(before), picture(after)];
        for (column, cell) in cells.iter().enumerate() {
            let small = resize(cell, CELL, CELL, FilterType::CatmullRom);
            let at = |n: usize| i64::from(n as u32 * step + GAP);
            overlay(&mut sheet, &small, at(column), at(row));
        }
    }
    sheet
}

/// A tensor `[1, 3, S, S]` in -1..1 as a picture.
fn picture(tensor: &Tensor) -> RgbaImage {
    let [.., height, width] = tensor.dims[..] else { return RgbaImage::new(1, 1) };
    RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        let level = |c: usize| {
            let value = tensor.data[(c * height + y as usize) * width + x as usize];
            (127.5 * (value + 1.0)).round().clamp(0.0, 255.0) as u8
        };
        Rgba([level(0), level(1), level(2), 255])
    })
}

/// Writes a picture and tells where.
pub fn save(picture: &RgbaImage, path: &Path) -> Result<(), String> {
    picture.save(path).map_err(|e| format!("cannot write `{}`: {e}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
