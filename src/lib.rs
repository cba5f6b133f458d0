//! Draws people as cartoons, live, in a Bevy game.
//!
//! A multi-branch GAN (N. Zhuang, C. Yang, "Few-shot Knowledge Transfer for Fine-grained Cartoon Face Generation",
//! arXiv 2007.13332) runs as **fragment-shader** passes over float render targets ([`plan`]) inside Bevy's render graph.
//! No compute shader is involved, so it works wherever Bevy draws, WebGL2 included.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use bevy_toonface::prelude::*;
//!
//! App::new()
//!     .add_plugins((DefaultPlugins, ToonfacePlugin::default()))
//!     .add_systems(Startup, |mut commands: Commands, assets: Res<AssetServer>| {
//!         commands.spawn((CartoonSource::Image(assets.load("ada.png")), CartoonGroup::new("woman")));
//!     })
//!     .run();
//! ```
#![doc = include_str!("idea.md")]
//! | feature | default | what it adds |
//! |---|---|---|
//! | `bundled_model` | yes | the model `toon` (woman, man, kid, elderly) inside the program, 3.0 MiB |
//! | `sprite` | yes | a `CartoonGroup` on a `Sprite` or `SpriteMesh` turns its picture into the cartoon |
//! | `ui` | yes | the same for an `ImageNode` |
//! | `mesh2d` | yes | the same for the texture of a `ColorMaterial` |
//! | `pbr` | yes | the same for the base colour texture of a `StandardMaterial` |
//! | `debug_ui` | no | a panel for developers: [`debug_ui::CartoonPanelPlugin`] |
//! | `hot_reload` | no | models and shaders that are edited while the game runs are taken into use |
//! | `few_shot` | no | new groups from a dozen pairs of pictures, trained in the game |
//! | `video` | no | moving pictures from files or sources of your own as pictures of entities |
//! | `webcam` | no | the same from a camera; building it needs libclang on Linux |

#[cfg(feature = "debug_ui")]
pub mod debug_ui;
pub mod ecs;
#[cfg(feature = "few_shot")]
pub mod few_shot;
pub mod gpu;
pub mod model;
pub mod plan;
pub mod prelude;
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
pub mod video;
#[cfg(all(feature = "webcam", not(target_arch = "wasm32")))]
pub mod webcam;

#[cfg(feature = "bundled_model")]
mod bundled;
mod plugin;

pub use plugin::ToonfacePlugin;

/// Compiles the README's code.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
