//! What the page can call. Calls wait in a mailbox until the app's next frame.

use std::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::report;

/// One call of the page.
#[derive(Debug)]
pub enum Command {
    /// Show this many people, numbered from 0.
    People(usize),
    /// A person's picture: RGBA, 8 bit, row by row.
    Picture { person: usize, width: u32, height: u32, pixels: Vec<u8> },
    /// The group that a person is drawn in.
    Group { person: usize, group: String },
    /// Draw a person's cartoon again and again, or only on change.
    Always { person: usize, always: bool },
    /// Give a person's cartoon to a JavaScript function, as RGBA, 8 bit.
    Read { person: usize, then: Function },
    /// End the app.
    Stop,
}

thread_local! {
    static MAILBOX: RefCell<Vec<Command>> = const { RefCell::new(Vec::new()) };
}

/// The calls since the last frame, in their order.
pub fn take_commands() -> Vec<Command> {
    MAILBOX.take()
}

fn send(command: Command) {
    MAILBOX.with_borrow_mut(|mailbox| mailbox.push(command));
}

/// Shows `count` people; those that are new have no picture yet.
#[wasm_bindgen(js_name = setPeople)]
pub fn set_people(count: usize) {
    send(Command::People(count));
}

/// Sets a person's picture, from RGBA pixels as a 2D canvas gives them.
///
/// # Errors
/// A message, if there are not `4 * width * height` bytes.
#[wasm_bindgen(js_name = setPicture)]
pub fn set_picture(person: usize, width: u32, height: u32, pixels: Vec<u8>) -> Result<(), JsError> {
    let expected = 4 * width as usize * height as usize;
    if pixels.len() != expected {
        let found = pixels.len();
        return Err(JsError::new(&format!("a picture of {width} x {height} has {expected} bytes, not {found}")));
    }
    send(Command::Picture { person, width, height, pixels });
    Ok(())
}

/// Sets a person's group.
#[wasm_bindgen(js_name = setGroup)]
pub fn set_group(person: usize, group: String) {
    send(Command::Group { person, group });
}

/// Whether a person's cartoon is drawn again and again: for measurements.
#[wasm_bindgen(js_name = setAlways)]
pub fn set_always(person: usize, always: bool) {
    send(Command::Always { person, always });
}

/// Calls `then` with a person's cartoon, `{width, height, pixels}`, or with `null` if there is none.
#[wasm_bindgen(js_name = readCartoon)]
pub fn read_cartoon(person: usize, then: Function) {
    send(Command::Read { person, then });
}

/// Ends the app: another one can be started on another canvas.
#[wasm_bindgen]
pub fn stop() {
    send(Command::Stop);
}

/// What the app is doing, as JSON; see `report.rs`.
#[wasm_bindgen]
pub fn status() -> String {
    report::latest()
}
