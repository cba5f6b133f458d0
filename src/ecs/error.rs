//! What can go wrong with a cartoon at run time. The game goes on; the error stands in `CartoonStatus`.

use bevy::math::Vec2;
use thiserror::Error;

/// Why an entity has no cartoon.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CartoonError {
    /// The group's name is not in the model.
    #[error("unknown group `{group}`: the model `{model}` knows {known:?}")]
    UnknownGroup {
        /// The name on the entity.
        group: String,
        /// The model's name.
        model: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The entity has a `CartoonGroup` but no picture.
    #[error("no picture: add a `Sprite`, an `ImageNode` or a material with an image, or set `CartoonSource`")]
    NoPicture,
    /// More than one component of the entity shows a picture, and there is one cartoon.
    #[error("{components:?} both show a picture: put them on entities of their own, or set `CartoonSource`")]
    SeveralPictures {
        /// The components.
        components: Vec<String>,
    },
    /// The picture would be drawn over itself.
    #[error("the picture is this entity's own `CartoonOutput`: give it another image")]
    OwnOutput,
    /// The atlas has no such section.
    #[error("section {index} of the atlas of the picture `{path}`: there are {count}, from 0")]
    AtlasIndex {
        /// The picture's asset path.
        path: String,
        /// The index that is asked for.
        index: usize,
        /// Sections that there are.
        count: usize,
    },
    /// A rectangle of the picture is not within it.
    #[error("the rectangle {min} to {max} does not lie within the picture `{path}` of {width} x {height} pixels")]
    PictureRect {
        /// The asset path.
        path: String,
        /// Upper left corner in pixels.
        min: Vec2,
        /// Lower right corner in pixels, exclusive.
        max: Vec2,
        /// Width of the picture in pixels.
        width: u32,
        /// Height of the picture in pixels.
        height: u32,
    },
    /// The entity is a camera, whose picture is what it draws, and has another picture as well.
    #[error(
        "two pictures: the entity is a camera and has a sprite or a `CartoonSource` of its own; put the other picture on \
         an entity of its own, and set `CartoonSource::None` on the camera"
    )]
    TwoPictures,
    /// A camera's region has no size.
    #[error("the region of the camera's view is empty: {reason}; see `CartoonRegion`")]
    Region {
        /// The region, in numbers.
        reason: String,
    },
    /// A camera draws to a texture that cannot be blended over.
    #[error("the camera draws to {format}, over which this device cannot blend; use a target of another format")]
    CameraFormat {
        /// Texture format of the view.
        format: String,
    },
    /// The picture's file, or that of its material or atlas, could not be loaded.
    #[error("the picture `{path}` could not be loaded: {reason}")]
    PictureFailed {
        /// The asset path.
        path: String,
        /// The loader's reason.
        reason: String,
    },
    /// The picture is too small to show a face.
    #[error("the picture `{path}` is {width} x {height} pixels; it needs at least {min} on each side")]
    PictureTooSmall {
        /// The asset path.
        path: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Smallest side that is taken.
        min: u32,
    },
    /// The picture does not fit a texture of the device.
    #[error("the picture `{path}` is {width} x {height} pixels; this device takes at most {max} on each side")]
    PictureTooLarge {
        /// The asset path.
        path: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The device's limit.
        max: u32,
    },
    /// The picture's texture cannot be read as a plain 2D picture of floats.
    #[error(
        "the picture `{path}` has the format {format}; a plain 2D picture of numbers that a shader can read is needed"
    )]
    PictureFormat {
        /// The asset path or id.
        path: String,
        /// Texture format and dimension.
        format: String,
    },
    /// The input tensor has another shape than the model takes.
    #[error("the input tensor has shape {found:?}; the model `{model}` takes {expected:?} in -1..1")]
    TensorShape {
        /// The model's name.
        model: String,
        /// Shape of the tensor.
        found: Vec<usize>,
        /// Shape that the model takes.
        expected: Vec<usize>,
    },
    /// The model's files could not be loaded.
    #[error("the model `{path}` could not be loaded: {reason}")]
    ModelFailed {
        /// The manifest's asset path.
        path: String,
        /// The loader's reason, which names file and tensor.
        reason: String,
    },
    /// The model cannot be planned for what was asked, such as an unknown tap.
    #[error("the model `{model}` cannot run: {reason}")]
    Plan {
        /// The model's name.
        model: String,
        /// The planner's reason.
        reason: String,
    },
    /// The memory that cartoons may take does not suffice for the model.
    #[error(
        "the model `{model}` needs {needed} bytes of textures for one picture, and {left} bytes are left of the memory \
         that cartoons may take; use fewer models, a smaller one, `half_weights`, or raise `ToonfacePlugin::max_memory`"
    )]
    OutOfMemory {
        /// The model's name.
        model: String,
        /// Bytes that it needs.
        needed: usize,
        /// Bytes that are left for it.
        left: usize,
    },
    /// The device lacks what fragment-shader networks need.
    #[error("this device cannot draw cartoons: {reason}")]
    Device {
        /// What is missing.
        reason: String,
    },
    /// A shader did not compile on this device.
    #[error("the shader of `{kernel}` does not compile on this device: {reason}")]
    Pipeline {
        /// The kernel.
        kernel: String,
        /// The compiler's reason.
        reason: String,
    },
}
