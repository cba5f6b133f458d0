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

/// Position of the last portrait, mirrored, and of its cartoon.
#[cfg(feature = "webcam")]
#[test]
fn the_webcam_example_shows_a_mirrored_portrait_beside_its_cartoon() {
    let picture = picture("webcam");
    assert_eq!(picture.dimensions(), (1000, 620));
    let (side, left, right, top) = (480, 10, 510, 10);
    let portrait =
        image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/portraits/woman_3.jpg")).expect("a portrait");
    let mirrored = image::imageops::flip_horizontal(&portrait.to_rgba8());
    let shown = |x: u32| image::imageops::crop_imm(&picture, x, top, side, side).to_image();
    // Inside of the guide's oval, where nothing lies over it, and with the guide's line in between.
    let middle = |picture: &RgbaImage| {
        let at = |v: f32| (v * picture.width() as f32) as u32;
        let part = image::imageops::crop_imm(picture, at(0.35), at(0.35), at(0.3), at(0.35)).to_image();
        image::imageops::resize(&part, 64, 64, image::imageops::FilterType::Triangle)
    };
    let apart = |a: &RgbaImage, b: &RgbaImage| {
        let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.as_raw().len() as f64
    };
    let (seen, wanted) = (middle(&shown(left)), middle(&mirrored));
    let turned = middle(&portrait.to_rgba8());
    assert!(apart(&seen, &wanted) < 3.0, "{} from the mirrored portrait", apart(&seen, &wanted));
    assert!(apart(&seen, &turned) > 2.0 * apart(&seen, &wanted), "mirrored or not makes no difference");
    let cartoon = middle(&shown(right));
    assert!((2.0..60.0).contains(&apart(&cartoon, &wanted)), "the cartoon is {} off", apart(&cartoon, &wanted));
    assert!(apart(&cartoon, &wanted) < apart(&cartoon, &turned), "the cartoon is mirrored, too");
    // The guide's line at the height of the face's middle, and words below.
    let bright = |x: u32, y: u32| picture.get_pixel(x, y).0[..3].iter().all(|v| *v > 200);
    assert!((0..side * 2 / 5).any(|x| bright(left + x, top + side * 52 / 100)), "no guide");
    let letters = (500..615).flat_map(|y| (0..1000).map(move |x| (x, y))).filter(|(x, y)| bright(*x, *y)).count();
    assert!(letters > 500, "{letters} bright pixels where words should be");
}
