//! An oval to put one's face in.

use bevy::prelude::*;

/// Middle of a face in the square that the bundled model was trained on, in parts of its side.
const MIDDLE: Vec2 = Vec2::new(0.5, 0.53);
/// Half the width and height of a face, from ear to ear and from hairline to chin.
const RADII: Vec2 = Vec2::new(0.27, 0.34);
/// Width of the line, in parts of the side.
const LINE: f32 = 0.012;
/// How much is darkened outside of the oval.
const SHADE: f32 = 0.35;

/// A picture to lay over a square video: an oval line where the face belongs, darker outside, transparent inside. It is
/// `side` pixels (at least 1) wide and high.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_toonface::video::face_guide;
/// fn spawn_guide(mut commands: Commands, mut images: ResMut<Assets<Image>>) {
///     commands.spawn((Sprite::from_image(images.add(face_guide(480))), Transform::from_xyz(0.0, 0.0, 1.0)));
/// }
/// ```
pub fn face_guide(side: u32) -> Image {
    let side = side.max(1);
    let mut image = Image::default();
    (image.texture_descriptor.size.width, image.texture_descriptor.size.height) = (side, side);
    let pixel = |i: u32| guide_pixel((Vec2::new((i % side) as f32, (i / side) as f32) + 0.5) / side as f32, side);
    image.data = Some((0..side * side).flat_map(pixel).collect());
    image
}

/// Colour and alpha of a point, 0..1, with edges smoothed over a pixel.
fn guide_pixel(at: Vec2, side: u32) -> [u8; 4] {
    let from = at - MIDDLE;
    // Distance from the oval, to first order: the implicit function over its gradient.
    let inside = (from / RADII).length_squared() - 1.0;
    let slope = (2.0 * from / (RADII * RADII)).length().max(1e-3);
    let distance = inside / slope;
    let pixel = 1.0 / side as f32;
    let line = (0.5 + (LINE / 2.0 - distance.abs()) / pixel).clamp(0.0, 1.0);
    let shade = SHADE * (0.5 + distance / pixel).clamp(0.0, 1.0);
    let alpha = line + shade * (1.0 - line);
    let grey = 255.0 * line / alpha.max(1e-3);
    [grey as u8, grey as u8, grey as u8, (255.0 * alpha) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_is_clear_inside_bright_on_its_line_and_dark_outside() {
        for side in [200, 480] {
            let image = face_guide(side);
            let data = image.data.expect("pixels");
            let pixel = |at: Vec2| {
                let at = (at * side as f32).as_uvec2();
                let i = 4 * (at.y * side + at.x) as usize;
                [data[i], data[i + 3]]
            };
            assert_eq!(pixel(MIDDLE), [0, 0]);
            for edge in [Vec2::X, Vec2::NEG_X, Vec2::Y, Vec2::NEG_Y] {
                let [grey, alpha] = pixel(MIDDLE + edge * RADII);
                assert!(grey > 150 && alpha > 150, "{edge}: {grey}, {alpha}");
            }
            assert_eq!(pixel(Vec2::splat(0.02)), [0, (255.0 * SHADE) as u8]);
        }
    }
}
