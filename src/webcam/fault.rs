//! What a driver's complaint means. nokhwa passes the systems' own words on, so those are looked at.

use nokhwa::NokhwaError;

use crate::video::VideoError;

/// When the driver complained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// While it was opened.
    Opening,
    /// While it was running.
    Running,
}

/// What it complained of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Refused,
    Busy,
    Gone,
    Format,
}

/// Parts of messages, in lower case: Linux's error numbers, Windows' result codes and words, macOS' words.
const MEANINGS: [(&str, Kind); 20] = [
    ("(os error 1)", Kind::Refused),
    ("(os error 13)", Kind::Refused),
    ("0x80070005", Kind::Refused),
    ("access is denied", Kind::Refused),
    ("permission", Kind::Refused),
    ("not authorized", Kind::Refused),
    ("(os error 16)", Kind::Busy),
    ("0xc00d3704", Kind::Busy),
    ("0x80070020", Kind::Busy),
    ("lack of hardware resources", Kind::Busy),
    ("in use by another", Kind::Busy),
    ("already in use", Kind::Busy),
    ("(os error 2)", Kind::Gone),
    ("(os error 6)", Kind::Gone),
    ("(os error 19)", Kind::Gone),
    ("0xc00d3ea2", Kind::Gone),
    ("no longer present", Kind::Gone),
    ("not found", Kind::Gone),
    ("fulfill request", Kind::Format),
    // nokhwa's spelling.
    ("failed to fufill", Kind::Format),
];

/// The complaint of a camera's driver as an error with a name.
pub(super) fn explain(camera: &str, stage: Stage, complaint: &NokhwaError) -> VideoError {
    let (camera, reason) = (camera.to_owned(), complaint.to_string());
    let words = reason.to_lowercase();
    let kind = MEANINGS.iter().find(|(part, _)| words.contains(part)).map(|(_, kind)| *kind);
    match (kind, complaint) {
        (Some(Kind::Refused), _) => VideoError::PermissionRefused { camera, reason },
        (Some(Kind::Busy), _) => VideoError::Busy { camera, reason },
        (Some(Kind::Gone), _) => VideoError::Unplugged { camera, reason },
        (Some(Kind::Format), _) => VideoError::UnsupportedFormat { camera, reason },
        // What the driver says about its formats while it is opened.
        (None, NokhwaError::GetPropertyError { .. } | NokhwaError::SetPropertyError { .. })
            if stage == Stage::Opening =>
        {
            VideoError::UnsupportedFormat { camera, reason }
        }
        _ => VideoError::Camera { camera, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(words: &str) -> VideoError {
        explain("Cam", Stage::Opening, &NokhwaError::OpenDeviceError("0".into(), words.into()))
    }

    #[test]
    fn the_systems_words_become_errors_with_names() {
        // As std::io::Error and V4L2 put it.
        for words in ["Permission denied (os error 13)", "Operation not permitted (os error 1)"] {
            assert!(matches!(opening(words), VideoError::PermissionRefused { .. }), "{words}");
        }
        let busy = NokhwaError::OpenStreamError("Device or resource busy (os error 16)".into());
        assert!(matches!(explain("Cam", Stage::Opening, &busy), VideoError::Busy { .. }));
        for words in ["No such device (os error 19)", "No such file or directory (os error 2)"] {
            let gone = NokhwaError::ReadFrameError(words.into());
            assert!(matches!(explain("Cam", Stage::Running, &gone), VideoError::Unplugged { .. }), "{words}");
        }
        // As Media Foundation puts it.
        let lost = NokhwaError::ReadFrameError("The video recording device is no longer present. (0xC00D3EA2)".into());
        assert!(matches!(explain("Cam", Stage::Running, &lost), VideoError::Unplugged { .. }));
        let taken = NokhwaError::OpenStreamError("Hardware MFT failed to start streaming (0xC00D3704)".into());
        assert!(matches!(explain("Cam", Stage::Opening, &taken), VideoError::Busy { .. }));
    }

    #[test]
    fn an_error_number_is_not_taken_for_another_that_begins_alike() {
        assert!(matches!(opening("Broken pipe (os error 161)"), VideoError::Camera { .. }));
        assert!(matches!(opening("Is a directory (os error 21)"), VideoError::Camera { .. }));
    }

    #[test]
    fn formats_are_complained_of_while_opening_only() {
        let property = "CameraFormat".to_owned();
        let complaint = NokhwaError::GetPropertyError { property, error: "Failed to Fufill".into() };
        assert!(matches!(explain("Cam", Stage::Opening, &complaint), VideoError::UnsupportedFormat { .. }));
        let other = NokhwaError::SetPropertyError { property: "x".into(), value: "y".into(), error: "Rejected".into() };
        assert!(matches!(explain("Cam", Stage::Opening, &other), VideoError::UnsupportedFormat { .. }));
        assert!(matches!(explain("Cam", Stage::Running, &other), VideoError::Camera { .. }));
    }

    #[test]
    fn errors_name_the_camera_and_say_what_to_do() {
        for (words, advice) in [
            ("Permission denied (os error 13)", "allow it in the system's settings"),
            ("Device or resource busy (os error 16)", "close the other program"),
            ("No such device (os error 19)", "connect it"),
        ] {
            let text = opening(words).to_string();
            assert!(text.contains("Cam") && text.contains(advice) && text.contains(words), "{text}");
        }
    }
}
