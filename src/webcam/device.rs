//! The machine's cameras, through nokhwa.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;

use bevy::math::UVec2;
use nokhwa::pixel_format::{FormatDecoder, RgbAFormat};
use nokhwa::utils::{ApiBackend, CameraFormat, CameraIndex, CameraInfo, RequestedFormat, RequestedFormatType};
use nokhwa::{Camera, NokhwaError};

use super::WebcamDevice;
use super::fault::{Stage, explain};
use super::format::{DECODED, nearest};
use crate::video::{Frame, FrameSource, Reading, VideoError};

/// Damaged frames in a row before the camera counts as broken: a JPEG stream loses some when it starts.
const MAX_DAMAGED: u32 = 30;

/// A camera of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebcamInfo {
    /// Its number, for [`WebcamDevice::Index`]. Numbers may change when a camera is plugged in or out.
    pub index: u32,
    /// Its name, for [`WebcamDevice::Name`].
    pub name: String,
    /// What the system says of it, such as its device file.
    pub description: String,
}

/// The cameras that are connected, by number. Takes some milliseconds: ask once in a while, not every frame.
///
/// On Linux every device file of a camera is listed, and many cameras have a second one without pictures.
///
/// # Errors
/// If there is none, or the system does not tell.
pub fn list_webcams() -> Result<Vec<WebcamInfo>, VideoError> {
    let found = nokhwa::query(ApiBackend::Auto).map_err(|e| explain("list", Stage::Opening, &e))?;
    let mut list: Vec<WebcamInfo> = (0..).zip(&found).map(|(place, info)| describe(place, info)).collect();
    list.sort_by_key(|info| info.index);
    if list.is_empty() { Err(VideoError::NoCamera) } else { Ok(list) }
}

fn describe(place: u32, info: &CameraInfo) -> WebcamInfo {
    let index = info.index().as_index().unwrap_or(place);
    WebcamInfo { index, name: info.human_name(), description: info.description().to_owned() }
}

/// Opens a camera and starts it. Runs in the thread that will read it.
pub(super) fn open(device: &WebcamDevice, size: UVec2, fps: u32) -> Result<WebcamSource, VideoError> {
    ask_permission()?;
    let list = list_webcams()?;
    let mut first_error = None;
    for info in choose(device, &list)? {
        match start(info, size, fps) {
            Ok(source) => return Ok(source),
            // A device file without pictures; the next one may have some.
            Err(error @ VideoError::UnsupportedFormat { .. }) => _ = first_error.get_or_insert(error),
            Err(error) => return Err(first_error.unwrap_or(error)),
        }
    }
    Err(first_error.unwrap_or(VideoError::NoCamera))
}

/// The cameras that come into question, in the order in which they are tried.
fn choose<'a>(device: &WebcamDevice, list: &'a [WebcamInfo]) -> Result<Vec<&'a WebcamInfo>, VideoError> {
    let fits = |info: &&WebcamInfo| match device {
        WebcamDevice::First => true,
        WebcamDevice::Index(index) => info.index == *index,
        WebcamDevice::Name(name) => info.name.to_lowercase().contains(&name.to_lowercase()),
    };
    let fitting: Vec<&WebcamInfo> = list.iter().filter(fits).collect();
    if fitting.is_empty() {
        let known = list.iter().map(|info| format!("{}: {}", info.index, info.name)).collect();
        return Err(VideoError::UnknownCamera { wanted: device.to_string(), known });
    }
    Ok(fitting)
}

/// macOS asks its user the first time; other systems answer at once.
fn ask_permission() -> Result<(), VideoError> {
    if nokhwa::nokhwa_check() {
        return Ok(());
    }
    let (answer, answered) = channel();
    nokhwa::nokhwa_initialize(move |granted| _ = answer.send(granted));
    match answered.recv() {
        Ok(true) => Ok(()),
        _ => Err(VideoError::PermissionRefused { camera: "of this machine".into(), reason: "not authorized".into() }),
    }
}

fn start(info: &WebcamInfo, size: UVec2, fps: u32) -> Result<WebcamSource, VideoError> {
    let name = format!("{} ({})", info.name, info.index);
    let complain = |error: NokhwaError| explain(&name, Stage::Opening, &error);
    // Any format at first, for the camera to tell what it has.
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &DECODED);
    let mut camera = Camera::new(CameraIndex::Index(info.index), any).map_err(complain)?;
    let formats = camera.compatible_camera_formats().map_err(complain)?;
    let format = nearest(&formats, size, fps).ok_or_else(|| {
        let reason = format!("it has {}", formats.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        VideoError::UnsupportedFormat { camera: name.clone(), reason }
    })?;
    if camera.camera_format() != format {
        camera.set_camera_requset(exactly(&format)).map_err(complain)?;
    }
    camera.open_stream().map_err(complain)?;
    Ok(WebcamSource { camera: Some(camera), name, damaged: 0 })
}

fn exactly(format: &CameraFormat) -> RequestedFormat<'static> {
    RequestedFormat::with_formats(RequestedFormatType::Exact(*format), &DECODED)
}

/// A camera that runs.
pub(super) struct WebcamSource {
    /// There until it is dropped.
    camera: Option<Camera>,
    name: String,
    /// Frames in a row that could not be decoded.
    damaged: u32,
}

impl FrameSource for WebcamSource {
    fn read(&mut self, frame: &mut Frame) -> Result<Reading, VideoError> {
        let Some(camera) = &mut self.camera else { return Ok(Reading::End) };
        let format = camera.camera_format();
        let bytes = raw(camera).map_err(|error| explain(&self.name, Stage::Running, &error))?;
        let size = UVec2::new(format.width(), format.height());
        let Err(error) = decode(&format, &bytes, frame.resize(size)) else {
            self.damaged = 0;
            return Ok(Reading::Frame);
        };
        self.damaged += 1;
        if self.damaged < MAX_DAMAGED {
            return Ok(Reading::Nothing);
        }
        Err(VideoError::Decode { source_name: self.name.clone(), frames: self.damaged, reason: error.to_string() })
    }
}

/// nokhwa panics if a camera that is gone cannot be stopped; nobody needs to hear of that.
impl Drop for WebcamSource {
    fn drop(&mut self) {
        let camera = self.camera.take();
        _ = catch_unwind(AssertUnwindSafe(|| drop(camera)));
    }
}

/// The next frame as the camera sends it, where possible without a copy.
#[cfg(not(target_os = "macos"))]
fn raw(camera: &mut Camera) -> Result<Cow<'_, [u8]>, NokhwaError> {
    camera.frame_raw()
}

/// There, frames queue up unless they are taken this way.
#[cfg(target_os = "macos")]
fn raw(camera: &mut Camera) -> Result<Cow<'_, [u8]>, NokhwaError> {
    camera.frame().map(|buffer| Cow::Owned(buffer.buffer().to_vec()))
}

fn decode(format: &CameraFormat, bytes: &[u8], pixels: &mut [u8]) -> Result<(), NokhwaError> {
    RgbAFormat::write_output_buffer(format.format(), format.resolution(), bytes, pixels)
}
