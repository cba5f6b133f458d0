//! The example scenes, headless: each draws its picture, and the picture shows what it should.
#![cfg(feature = "bundled_model")]

#[path = "common/tool.rs"]
mod tool;

use image::RgbaImage;
use tool::tool;

/// The picture that an example draws without a window.
fn picture(example: &str) -> RgbaImage {
    let out = std::env::temp_dir().join(format!("toonface_{example}_{}.png", std::process::id()));
    let done = tool(example).arg("--headless").arg("--out").arg(&out).output().expect("the example runs");
    assert!(done.status.success(), "{example}: {}", String::from_utf8_lossy(&done.stderr));
    let picture = image::open(&out).expect("a picture").to_rgba8();
    let _ = std::fs::remove_file(&out);
    picture
}

/// Mean difference, 0 to 255, of two rectangles (`x, y, width, height`) of a picture.
fn difference(picture: &RgbaImage, a: [u32; 4], b: [u32; 4]) -> f64 {
    let part = |[x, y, w, h]: [u32; 4]| image::imageops::crop_imm(picture, x, y, w, h).to_image();
    let (a, b) = (part(a), part(b));
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn sprites_show_portraits_above_their_cartoons() {
    let picture = picture("sprites");
    assert_eq!(picture.dimensions(), (1080, 560));
    for column in 0..4 {
        let x = 15 + 265 * column;
        let change = difference(&picture, [x, 17, 250, 256], [x, 287, 250, 256]);
        assert!((2.0..60.0).contains(&change), "column {column}: the cartoon is {change} of 255 from its portrait");
    }
}
