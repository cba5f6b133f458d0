fn main() {
    let _ = bevy::prelude::App::new();
}
