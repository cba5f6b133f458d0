//! The thread that reads a source. Nobody ever waits for it: it is asked to end, and looked at.

use std::any::Any;
use std::fmt;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::mailbox::{Mailbox, News, Treatment};
use super::{Frame, FrameSource, Reading, VideoError};

/// Makes a source. Called in the thread that will read it, since opening a camera can take seconds.
pub(super) struct Opener(pub Box<dyn Fn() -> Result<Box<dyn FrameSource>, VideoError> + Send + Sync>);

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}

/// A source that is being read. Dropping it asks the thread to end, which then drops the source.
#[derive(Debug)]
pub(super) struct Capture {
    mailbox: Arc<Mailbox>,
    thread: JoinHandle<()>,
}

impl Capture {
    pub fn start(open: Arc<Opener>, treatment: Treatment) -> Result<Self, VideoError> {
        let mailbox = Arc::new(Mailbox::new(treatment));
        let shared = mailbox.clone();
        let thread = Builder::new()
            .name("toonface video".into())
            .spawn(move || {
                let end = catch_unwind(AssertUnwindSafe(|| read_all(&open, &shared)));
                shared.end(end.unwrap_or_else(|panic| Err(VideoError::Panicked { reason: words(panic.as_ref()) })));
            })
            .map_err(|e| VideoError::Thread { reason: e.to_string() })?;
        Ok(Self { mailbox, thread })
    }

    /// What has happened since the last look.
    pub fn take(&self) -> News {
        self.mailbox.take()
    }

    /// For the frames to come.
    pub fn treat(&self, treatment: Treatment) {
        self.mailbox.treat(treatment);
    }

    /// Asks the thread to end.
    pub fn stop(&self) {
        self.mailbox.stop();
    }

    /// Whether the thread has ended, and with it the source.
    pub fn is_gone(&self) -> bool {
        self.thread.is_finished()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads until nobody waits any more or the source ends.
fn read_all(open: &Opener, mailbox: &Mailbox) -> Result<(), VideoError> {
    let mut source = (open.0)()?;
    let mut frame = Frame::default();
    while !mailbox.is_stopped() {
        match source.read(&mut frame)? {
            Reading::Frame => {
                frame.check()?;
                let treatment = mailbox.treatment();
                if treatment.square {
                    frame.crop_square();
                }
                if treatment.mirror {
                    frame.mirror();
                }
                frame = mailbox.put(take(&mut frame));
            }
            Reading::Nothing => mailbox.sign_of_life(),
            Reading::End => break,
        }
    }
    Ok(())
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_else(|| "no message".into())
}
