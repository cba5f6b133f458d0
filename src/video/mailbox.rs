//! Where the capture thread leaves its newest frame for the app: one place, so that no queue can grow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Frame, VideoError};

/// How long the rate is measured for.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// What is done to a frame before it is handed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Treatment {
    pub mirror: bool,
    pub square: bool,
}

/// Shared by the capture thread and the app. Neither holds the lock for longer than it takes to move a frame.
#[derive(Debug)]
pub(super) struct Mailbox {
    slot: Mutex<Slot>,
    stop: AtomicBool,
}

#[derive(Debug)]
struct Slot {
    newest: Option<Frame>,
    treatment: Treatment,
    /// How the thread ended.
    end: Option<Result<(), VideoError>>,
    /// When the source was last heard of.
    heard: Instant,
    rate: Rate,
}

/// Frames a second, over about a second.
#[derive(Debug)]
struct Rate {
    since: Instant,
    frames: u32,
    fps: f32,
}

/// What the app finds.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The newest frame, if it has not been taken before.
    pub frame: Option<Frame>,
    /// Frames a second, 0 until that is known.
    pub fps: f32,
    /// Time since the source was last heard of.
    pub silence: Duration,
    /// How it ended, once it has.
    pub end: Option<Result<(), VideoError>>,
}

impl Mailbox {
    pub fn new(treatment: Treatment) -> Self {
        let now = Instant::now();
        let rate = Rate { since: now, frames: 0, fps: 0.0 };
        let slot = Slot { newest: None, treatment, end: None, heard: now, rate };
        Self { slot: Mutex::new(slot), stop: AtomicBool::new(false) }
    }

    /// A panic of the other side leaves the slot as it was: there is nothing half done in it.
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's side: leaves a frame, and gets the one that nobody took, to write the next one to.
    pub fn put(&self, frame: Frame) -> Frame {
        let mut slot = self.lock();
        slot.heard = Instant::now();
        slot.rate.count();
        slot.newest.replace(frame).unwrap_or_default()
    }

    /// The thread's side: nothing new, but the source answers.
    pub fn sign_of_life(&self) {
        self.lock().heard = Instant::now();
    }

    /// The thread's side: the last word.
    pub fn end(&self, end: Result<(), VideoError>) {
        self.lock().end = Some(end);
    }

    /// The thread's side: what to do to a frame.
    pub fn treatment(&self) -> Treatment {
        self.lock().treatment
    }

    /// The thread's side: whether nobody waits any more.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The app's side.
    pub fn take(&self) -> News {
        let mut slot = self.lock();
        News { frame: slot.newest.take(), fps: slot.rate.fps, silence: slot.heard.elapsed(), end: slot.end.clone() }
    }

    /// The app's side: for the frames to come.
    pub fn treat(&self, treatment: Treatment) {
        self.lock().treatment = treatment;
    }

    /// The app's side: tells the thread to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}

impl Rate {
    fn count(&mut self) {
        self.frames += 1;
        let passed = self.since.elapsed();
        if passed >= RATE_WINDOW {
            self.fps = (self.frames as f32 / passed.as_secs_f32()).round();
            (self.since, self.frames) = (Instant::now(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::prelude::UVec2;

    fn frame(value: u8) -> Frame {
        Frame::new(UVec2::ONE, vec![value; 4])
    }

    #[test]
    fn the_newest_frame_wins_and_the_others_come_back_for_the_next() {
        let mailbox = Mailbox::new(Treatment::default());
        assert_eq!(mailbox.put(frame(1)), Frame::default());
        assert_eq!(mailbox.put(frame(2)), frame(1));
        assert_eq!(mailbox.put(frame(3)), frame(2));
        assert_eq!(mailbox.take().frame, Some(frame(3)));
        assert_eq!(mailbox.take().frame, None, "a frame is taken once");
        assert_eq!(mailbox.put(frame(4)), Frame::default());
        assert_eq!(mailbox.take().frame, Some(frame(4)));
    }

    #[test]
    fn the_last_frame_is_there_when_the_source_has_ended() {
        let mailbox = Mailbox::new(Treatment::default());
        mailbox.put(frame(1));
        mailbox.end(Err(VideoError::NoCamera));
        let news = mailbox.take();
        assert_eq!((news.frame, news.end), (Some(frame(1)), Some(Err(VideoError::NoCamera))));
        assert_eq!(mailbox.take().end, Some(Err(VideoError::NoCamera)), "the end stays");
    }
}
