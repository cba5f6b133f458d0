//! Materials: the entity gets a copy of its material, with the cartoon in it.

use std::marker::PhantomData;

use bevy::ecs::component::Mutable;
use bevy::ecs::system::SystemParamItem;
use bevy::prelude::*;

use super::shows::{NoSource, Own, Shows, add, need_assets};
use super::{CartoonGroup, CartoonSource};

/// A material with a texture that shows a person.
///
/// Implemented for `ColorMaterial` (feature `mesh2d`, its `texture`) and `StandardMaterial` (feature `pbr`, its
/// `base_color_texture`). For a material of your own, implement it and add a [`CartoonMaterialPlugin`].
pub trait CartoonMaterial: Asset + Clone {
    /// The texture that shows a person, if there is one.
    fn picture(&self) -> Option<&Handle<Image>>;

    /// Puts another texture in its place.
    fn set_picture(&mut self, picture: Handle<Image>);
}

/// The component that gives an entity a material: `MeshMaterial2d` (feature `mesh2d`) or `MeshMaterial3d` (feature
/// `pbr`).
pub trait MaterialSlot: Component<Mutability = Mutable> + Clone + TypePath {
    /// The material.
    type Material: CartoonMaterial;

    /// The entity's material.
    fn material(&self) -> &Handle<Self::Material>;

    /// Gives the entity another one.
    fn set_material(&mut self, material: Handle<Self::Material>);
}

/// Lets a `CartoonGroup` turn the picture in a material of your own into the cartoon. `ToonfacePlugin` has those of
/// Bevy's own materials.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy::render::render_resource::AsBindGroup;
/// # use bevy_toonface::ecs::{CartoonMaterial, CartoonMaterialPlugin};
/// #[derive(Asset, TypePath, AsBindGroup, Clone)]
/// struct Poster {
///     #[texture(0)]
///     #[sampler(1)]
///     portrait: Option<Handle<Image>>,
/// }
///
/// impl Material for Poster {}
///
/// impl CartoonMaterial for Poster {
///     fn picture(&self) -> Option<&Handle<Image>> {
///         self.portrait.as_ref()
///     }
///
///     fn set_picture(&mut self, picture: Handle<Image>) {
///         self.portrait = Some(picture);
///     }
/// }
/// # let mut app = App::new();
/// app.add_plugins(CartoonMaterialPlugin::<MeshMaterial3d<Poster>>::default());
/// ```
#[derive(Debug)]
pub struct CartoonMaterialPlugin<S>(PhantomData<S>);

impl<S> Default for CartoonMaterialPlugin<S> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<S: MaterialSlot> Plugin for CartoonMaterialPlugin<S> {
    fn build(&self, app: &mut App) {
        need_assets::<S::Material>(app);
        add::<S>(app);
        app.add_systems(PostUpdate, follow_materials::<S>.before(super::CartoonSystems::Pictures));
    }
}

pub(super) fn plugin(app: &mut App) {
    #[cfg(feature = "mesh2d")]
    app.add_plugins(CartoonMaterialPlugin::<MeshMaterial2d<ColorMaterial>>::default());
    #[cfg(feature = "pbr")]
    app.add_plugins(CartoonMaterialPlugin::<MeshMaterial3d<StandardMaterial>>::default());
}

impl<S: MaterialSlot> Shows for S {
    type Look = Handle<S::Material>;
    type Assets = ResMut<'static, Assets<S::Material>>;

    fn look(&self) -> Self::Look {
        self.material().clone()
    }

    fn set_look(&mut self, look: &Self::Look) {
        self.set_material(look.clone());
    }

    fn meant(now: Self::Look, own: &Self::Look, stand_in: &Self::Look) -> Self::Look {
        if now == *stand_in { own.clone() } else { now }
    }

    fn picture(look: &Self::Look, materials: &SystemParamItem<Self::Assets>) -> Result<CartoonSource, NoSource> {
        let material = materials.get(look).ok_or_else(|| NoSource::Waiting(look.clone().untyped()))?;
        Ok(material.picture().cloned().map_or(CartoonSource::None, CartoonSource::Image))
    }

    fn stand_in(
        own: &Self::Look,
        output: &Handle<Image>,
        _before: Option<&Self::Look>,
        materials: &mut SystemParamItem<Self::Assets>,
    ) -> Self::Look {
        match with_picture(materials, own, output) {
            Some(copy) => materials.add(copy),
            None => own.clone(),
        }
    }
}

/// A copy of a material with another picture.
fn with_picture<M: CartoonMaterial>(materials: &Assets<M>, own: &Handle<M>, output: &Handle<Image>) -> Option<M> {
    let mut copy = materials.get(own)?.clone();
    copy.set_picture(output.clone());
    Some(copy)
}

/// A change of a material is one of the copies that stand in for it.
fn follow_materials<S: MaterialSlot>(
    mut events: MessageReader<AssetEvent<S::Material>>,
    slots: Query<&Own<S>, With<CartoonGroup>>,
    mut materials: ResMut<Assets<S::Material>>,
) {
    for event in events.read() {
        let AssetEvent::Modified { id } = event else { continue };
        for own in slots.iter().filter(|own| own.look.id() == *id) {
            let Some(stand_in) = &own.stand_in else { continue };
            let copy = with_picture(&materials, &own.look, &stand_in.output);
            if let (Some(mut kept), Some(copy)) = (materials.get_mut(&stand_in.look), copy) {
                *kept = copy;
            }
        }
    }
}

#[cfg(feature = "mesh2d")]
impl<M: bevy::sprite_render::Material2d + CartoonMaterial> MaterialSlot for MeshMaterial2d<M> {
    type Material = M;

    fn material(&self) -> &Handle<M> {
        &self.0
    }

    fn set_material(&mut self, material: Handle<M>) {
        self.0 = material;
    }
}

#[cfg(feature = "pbr")]
impl<M: Material + CartoonMaterial> MaterialSlot for MeshMaterial3d<M> {
    type Material = M;

    fn material(&self) -> &Handle<M> {
        &self.0
    }

    fn set_material(&mut self, material: Handle<M>) {
        self.0 = material;
    }
}

#[cfg(feature = "mesh2d")]
impl CartoonMaterial for ColorMaterial {
    fn picture(&self) -> Option<&Handle<Image>> {
        self.texture.as_ref()
    }

    fn set_picture(&mut self, picture: Handle<Image>) {
        self.texture = Some(picture);
    }
}

#[cfg(feature = "pbr")]
impl CartoonMaterial for StandardMaterial {
    fn picture(&self) -> Option<&Handle<Image>> {
        self.base_color_texture.as_ref()
    }

    fn set_picture(&mut self, picture: Handle<Image>) {
        self.base_color_texture = Some(picture);
    }
}
