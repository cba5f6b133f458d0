//! The example scenes, headless: each draws its picture, and the picture shows what it should.
#![cfg(feature = "bundled_model")]

#[path = "common/tool.rs"]
mod tool;

use image::RgbaImage;
use tool::tool;

/// The picture that an example draws without a window.
fn picture(example: &str) -> RgbaImage {
    picture_with(example, &[])
}

/// The same with more arguments.
fn picture_with(example: &str, arguments: &[&str]) -> RgbaImage {
    let out = std::env::temp_dir().join(format!("toonface_{example}_{}.png", std::process::id()));
    let mut command = tool(example);
    let done = command.arg("--headless").arg("--out").arg(&out).args(arguments).output().expect("the example runs");
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

/// Side of a person in the crowd's picture, and from one to the next.
const PERSON: u32 = 112;
const STEP: u32 = 120;

/// Whoever stands still in the picture; and in the last two columns, pages are turned.
fn stands_still(column: u32, row: u32) -> bool {
    column < 6 && (column + row) % 2 == 1
}

#[test]
fn a_crowd_of_32_is_all_cartoons_within_the_budget() {
    // A busy machine takes minutes for all of them in slices of 4 ms.
    let picture = picture("crowd");
    assert_eq!(picture.dimensions(), (8 * STEP, 4 * STEP + 40));
    let names = ["woman_1", "man_1", "kid_1", "elderly_1", "woman_2", "man_2", "kid_2", "elderly_2"];
    let portraits = names.map(|name| {
        let path = format!("{}/assets/portraits/{name}.jpg", env!("CARGO_MANIFEST_DIR"));
        let portrait = image::open(path).expect("a portrait").to_rgba8();
        image::imageops::resize(&portrait, PERSON, PERSON, image::imageops::FilterType::Triangle)
    });
    let person = |column: u32, row: u32| {
        let (x, y) = (column * STEP + (STEP - PERSON) / 2, row * STEP + (STEP - PERSON) / 2);
        image::imageops::crop_imm(&picture, x, y, PERSON, PERSON).to_image()
    };
    let mean = |a: &RgbaImage, b: &RgbaImage| {
        let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.as_raw().len() as f64
    };
    for (column, row) in (0..32).map(|i| (i % 8, i / 8)) {
        let shown = person(column, row);
        // People in a crowd move a little, and the last ones have another picture from time to time.
        let nearest = portraits.iter().map(|portrait| mean(&shown, portrait)).fold(f64::MAX, f64::min);
        assert!((2.0..60.0).contains(&nearest), "column {column}, row {row}: {nearest} of 255 from every portrait");
        if stands_still(column, row) {
            let own = mean(&shown, &portraits[column as usize]);
            assert_eq!(own, nearest, "column {column}, row {row} shows somebody else");
        }
    }
    // The same person in different groups.
    for column in 0..6 {
        let rows: Vec<u32> = (0..4).filter(|row| stands_still(column, *row)).collect();
        let change = mean(&person(column, rows[0]), &person(column, rows[1]));
        assert!(change > 1.0, "column {column}: two groups differ by {change} of 255");
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
    // Inside of the guide's oval, where nothing lies over it.
    let middle = |picture: &RgbaImage| {
        let small = image::imageops::resize(picture, 128, 128, image::imageops::FilterType::Triangle);
        image::imageops::crop_imm(&small, 45, 45, 39, 45).to_image()
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

/// Mean difference of a rectangle of a picture from the same of another that is moved by `dx, dy`.
fn moved(a: &RgbaImage, b: &RgbaImage, [x, y, w, h]: [u32; 4], (dx, dy): (i64, i64)) -> f64 {
    let mut sum = 0;
    for (py, px) in (y..y + h).flat_map(|py| (x..x + w).map(move |px| (py, px))) {
        let at = |v: u32, d: i64| (i64::from(v) + d) as u32;
        let (p, q) = (a.get_pixel(px, py).0, b.get_pixel(at(px, dx), at(py, dy)).0);
        sum += (0..3).map(|c| u64::from(p[c].abs_diff(q[c]))).sum::<u64>();
    }
    sum as f64 / f64::from(3 * w * h)
}

/// Fails unless a cartoon lies over what it was drawn of, neither beside it nor upside down.
fn assert_in_place(plain: &RgbaImage, cartoon: &RgbaImage, part: [u32; 4]) {
    let change = moved(plain, cartoon, part, (0, 0));
    assert!((2.0..60.0).contains(&change), "{part:?}: the cartoon is {change} of 255 from what it was drawn of");
    for to in [(6, 0), (-6, 0), (0, 6), (0, -6)] {
        let beside = moved(plain, cartoon, part, to);
        assert!(beside > change, "{part:?}: {change} in place, {beside} moved by {to:?}");
    }
}

#[test]
fn avatars_look_out_of_their_frames_as_cartoons() {
    let (plain, cartoon) = (picture_with("avatars_3d", &["--plain"]), picture("avatars_3d"));
    assert_eq!(cartoon.dimensions(), (1280, 720));
    let frames = [[28, 28, 256, 256], [28, 340, 256, 256]];
    for (x, y, pixel) in cartoon.enumerate_pixels() {
        let inside = |[left, top, w, h]: [u32; 4]| (left..left + w).contains(&x) && (top..top + h).contains(&y);
        // Beside the figure, a portrait is transparent and shows its frame.
        let corner = frames.iter().any(|[left, top, ..]| inside([*left, *top, 36, 36]));
        if corner || !frames.into_iter().any(inside) {
            assert_eq!(pixel, plain.get_pixel(x, y), "pixel {x}, {y} is in no portrait");
        }
    }
    for [x, y, w, h] in frames {
        assert_in_place(&plain, &cartoon, [x + 60, y + 40, w - 120, h - 90]);
    }
}

#[test]
fn a_split_screen_has_a_cartoon_in_each_half() {
    let (plain, cartoon) = (picture_with("split_screen", &["--plain"]), picture("split_screen"));
    assert_eq!(cartoon.dimensions(), (1200, 600));
    assert_in_place(&plain, &cartoon, [60, 60, 480, 480]);
    // In the right half, only the head.
    let changed =
        |x: u32, y: u32| (0..3).any(|c| plain.get_pixel(x, y).0[c].abs_diff(cartoon.get_pixel(x, y).0[c]) > 2);
    let pixels: Vec<(u32, u32)> =
        (600..1200).flat_map(|x| (0..600).map(move |y| (x, y))).filter(|(x, y)| changed(*x, *y)).collect();
    let low = pixels.iter().fold((1200, 600), |low, p| (low.0.min(p.0), low.1.min(p.1)));
    let high = pixels.iter().fold((0, 0), |high, p| (high.0.max(p.0), high.1.max(p.1)));
    let (width, height) = (high.0 - low.0, high.1 - low.1);
    assert!((200..340).contains(&width) && (200..340).contains(&height), "from {low:?} to {high:?}");
    assert!(low.0 > 610 && high.0 < 1000 && low.1 > 100 && high.1 < 500, "from {low:?} to {high:?}");
    assert_in_place(&plain, &cartoon, [low.0 + 50, low.1 + 50, width - 100, height - 100]);
    // Soft edges: nothing jumps where the region ends.
    for x in low.0..=high.0 {
        let edge = moved(&plain, &cartoon, [x, low.1, 1, 2], (0, 0));
        assert!(edge < 8.0, "column {x}: the region's edge shows, {edge} of 255");
    }
}

/// How much of a rectangle, 0 to 1, has a colour that `is_it`.
#[cfg(feature = "debug_ui")]
fn share(picture: &RgbaImage, [x, y, w, h]: [u32; 4], is_it: impl Fn([u8; 3]) -> bool) -> f64 {
    let part = image::imageops::crop_imm(picture, x, y, w, h).to_image();
    part.pixels().filter(|pixel| is_it([pixel[0], pixel[1], pixel[2]])).count() as f64 / f64::from(w * h)
}

/// Text is bright; the panel's ground is dark, and bluer than the scene behind it.
#[cfg(feature = "debug_ui")]
fn is_text([r, g, b]: [u8; 3]) -> bool {
    r.min(g).min(b) > 150
}

/// Distance between greatest and least component: 0 for greys.
#[cfg(feature = "debug_ui")]
fn colourful([r, g, b]: [u8; 3]) -> u8 {
    r.max(g).max(b) - r.min(g).min(b)
}

/// What all tabs have: four cartoons to the left, the list of them to the right.
#[cfg(feature = "debug_ui")]
fn check_panel(picture: &RgbaImage) {
    assert_eq!(picture.dimensions(), (1280, 720));
    for [x, y] in [[10, 72], [306, 72], [10, 368], [306, 368]] {
        let faces = share(picture, [x + 60, y + 90, 160, 120], |rgb| colourful(rgb) > 20);
        assert!(faces > 0.4, "a face of {faces} at {x}, {y}");
    }
    let ground = |rgb: [u8; 3]| rgb[2] > rgb[0] + 4 && rgb.iter().all(|v| *v < 60);
    assert!(share(picture, [590, 0, 20, 720], ground) < 0.01, "the panel covers the scene");
    assert!(share(picture, [640, 683, 560, 4], ground) > 0.9, "no panel down there");
    // A row each, with a green dot for what runs.
    let is_green = |[r, g, _]: [u8; 3]| g > r.saturating_add(60);
    let rows: Vec<bool> = (60..165).map(|y| share(picture, [626, y, 8, 1], is_green) > 0.2).collect();
    assert_eq!(rows.windows(2).filter(|pair| pair[1] && !pair[0]).count(), 4, "rows of cartoons: {rows:?}");
    assert!(share(picture, [1150, 60, 115, 100], is_text) > 0.01, "no numbers");
    assert!(share(picture, [630, 165, 260, 20], is_text) > 0.04, "no tabs");
}

#[cfg(feature = "debug_ui")]
#[test]
fn the_panel_shows_cartoons_beside_their_pictures_and_their_attention() {
    let picture = picture("panel");
    check_panel(&picture);
    let compare = [640, 210, 380, 380];
    assert!(share(&picture, compare, |rgb| colourful(rgb) > 15) > 0.2, "neither picture nor cartoon");
    // The line between them, and words in both corners.
    let line = (800..860).any(|x| share(&picture, [x, 215, 1, 150], |rgb| rgb.iter().all(|v| *v > 200)) > 0.9);
    assert!(line, "no line to drag");
    assert!(share(&picture, [625, 594, 50, 22], is_text) > 0.05, "no word below the picture");
    // Names and logits of four groups.
    let logits = share(&picture, [1050, 370, 200, 110], is_text);
    assert!((0.01..0.4).contains(&logits), "logits: {logits}");
}

#[cfg(feature = "debug_ui")]
#[test]
fn the_panel_shows_feature_maps() {
    let picture = picture_with("panel", &["--tab", "layers"]);
    check_panel(&picture);
    let names = share(&picture, [626, 250, 180, 400], is_text);
    assert!((0.02..0.4).contains(&names), "names of layers: {names}");
    let maps = [823, 240, 385, 385];
    assert!(share(&picture, maps, |rgb| colourful(rgb) > 60) > 0.7, "no tiles in viridis");
    let colors: std::collections::BTreeSet<[u8; 3]> =
        image::imageops::crop_imm(&picture, maps[0], maps[1], maps[2], maps[3])
            .to_image()
            .pixels()
            .map(|p| [p[0], p[1], p[2]])
            .collect();
    assert!(colors.len() > 60, "{} colours", colors.len());
    // Eight tiles a row, dark lines between them.
    let dark = |x: &u32| share(&picture, [*x, 242, 1, 380], |rgb| rgb.iter().all(|v| *v < 45)) > 0.9;
    let lines: Vec<bool> = (826..1206).map(|x| dark(&x)).collect();
    assert!(lines.windows(2).filter(|pair| pair[1] && !pair[0]).count() >= 6, "no grid");
}

#[cfg(feature = "debug_ui")]
#[test]
fn the_panel_shows_times_memory_and_passes() {
    for (tab, rows) in [("time", [626, 280, 90, 380]), ("memory", [626, 200, 600, 220]), ("plan", [626, 260, 560, 400])]
    {
        let picture = picture_with("panel", &["--tab", tab]);
        check_panel(&picture);
        let text = share(&picture, rows, is_text);
        assert!((0.01..0.4).contains(&text), "{tab}: text {text}");
        if tab == "time" {
            let bars = share(&picture, [720, 280, 330, 380], |rgb| colourful(rgb) > 60);
            assert!((0.02..0.8).contains(&bars), "bars: {bars}");
        }
    }
}
