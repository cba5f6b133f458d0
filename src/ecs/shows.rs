//! Components that show pictures: the picture is their own, and the cartoon takes its place when it is ready.
//!
//! ```text
//! claim   which components of an entity show a picture
//! settle  one of them may tell it
//! adopt   it tells; and follows what the game changes, on the stand-in too
//! show    the stand-in, with the cartoon in it, takes the place of the component's own look
//! restore without the tag, the own look comes back
//! ```
#![cfg_attr(
    not(any(feature = "sprite", feature = "ui", feature = "mesh2d", feature = "pbr")),
    expect(dead_code, reason = "without these features, no component shows a picture")
)]

use bevy::asset::{LoadState, UntypedHandle};
use bevy::ecs::component::Mutable;
use bevy::ecs::system::{StaticSystemParam, SystemParam, SystemParamItem};
use bevy::prelude::*;

use super::{
    CartoonError, CartoonGroup, CartoonOutput, CartoonRequest, CartoonSource, CartoonStatus, CartoonSystems, Progress,
};

/// A component that shows a picture, and can show a cartoon in its stead.
pub(super) trait Shows: Component<Mutability = Mutable> + Clone + TypePath {
    /// The part of the component that says what is seen.
    type Look: Clone + PartialEq + Send + Sync + 'static;
    /// What looks are looked up in, and stand-ins are made in.
    type Assets: SystemParam + 'static;

    fn look(&self) -> Self::Look;

    fn set_look(&mut self, look: &Self::Look);

    /// What the own look has become where the component should show a stand-in for it, and shows `now`.
    fn meant(now: Self::Look, own: &Self::Look, stand_in: &Self::Look) -> Self::Look;

    /// The picture in a look.
    ///
    /// # Errors
    /// Why there is none.
    fn picture(look: &Self::Look, assets: &SystemParamItem<Self::Assets>) -> Result<CartoonSource, NoSource>;

    /// The look that shows `output` where `own` shows its picture. `before`: the stand-in that it follows on.
    fn stand_in(
        own: &Self::Look,
        output: &Handle<Image>,
        before: Option<&Self::Look>,
        assets: &mut SystemParamItem<Self::Assets>,
    ) -> Self::Look;
}

/// Why a component tells no picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NoSource {
    /// This has to be loaded first.
    Waiting(UntypedHandle),
    /// There is none.
    Failed(CartoonError),
}

/// What the components of an entity tell about its picture.
#[derive(Component, Debug, Clone, Default)]
pub(super) struct Told {
    /// Components that show a picture, while it is theirs to tell.
    claims: Vec<&'static str>,
    source: CartoonSource,
    none: Option<NoSource>,
}

impl Told {
    /// # Errors
    /// Why there is no picture.
    pub fn check(&self, assets: &AssetServer) -> Result<(), CartoonError> {
        if self.claims.len() > 1 {
            let components = self.claims.iter().map(ToString::to_string).collect();
            return Err(CartoonError::SeveralPictures { components });
        }
        match &self.none {
            Some(NoSource::Failed(error)) => Err(error.clone()),
            Some(NoSource::Waiting(asset)) => match assets.get_load_state(asset) {
                Some(LoadState::Failed(error)) => {
                    let path = asset.path().map_or_else(|| "(no path)".to_owned(), ToString::to_string);
                    Err(CartoonError::PictureFailed { path, reason: error.to_string() })
                }
                _ => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Whether there will be a picture when something is loaded.
    pub fn is_waiting(&self) -> bool {
        self.none.is_some()
    }

    /// Whether the picture is the components' to tell: the game has set none.
    fn is_asked(&self, source: &CartoonSource) -> bool {
        *source == CartoonSource::None || *source == self.source
    }

    fn tell(&mut self, told: Result<CartoonSource, NoSource>, source: &mut Mut<CartoonSource>) {
        let (told, none) = told.map_or_else(|none| (CartoonSource::None, Some(none)), |told| (told, None));
        source.set_if_neq(told.clone());
        (self.source, self.none) = (told, none);
    }
}

/// A component's own look, while it shows a cartoon or waits for one. A clone of the entity shows the same cartoon until
/// it has its own.
#[derive(Component, Debug, Clone)]
#[component(clone_behavior = clone::<Self>())]
pub(super) struct Own<C: Shows> {
    pub look: C::Look,
    pub stand_in: Option<StandIn<C::Look>>,
}

/// What a component shows instead of its own look.
#[derive(Debug, Clone)]
pub(super) struct StandIn<L> {
    pub look: L,
    pub output: Handle<Image>,
    /// The picture that the cartoon on the output is of.
    of: CartoonSource,
}

/// Order within [`CartoonSystems::Pictures`].
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
enum ShowSystems {
    Claim,
    Settle,
    Adopt,
    Show,
}

pub(super) fn plugin(app: &mut App) {
    use ShowSystems::{Adopt, Claim, Settle, Show};
    app.configure_sets(PostUpdate, (Claim, Settle, Adopt, Show).chain().in_set(CartoonSystems::Pictures))
        .add_systems(PostUpdate, (forget_claims.before(Claim).in_set(CartoonSystems::Pictures), settle.in_set(Settle)));
}

/// Makes a component show cartoons.
pub(super) fn add<C: Shows>(app: &mut App) {
    app.add_systems(
        PostUpdate,
        (
            claim::<C>.in_set(ShowSystems::Claim),
            adopt::<C>.in_set(ShowSystems::Adopt),
            show::<C>.in_set(ShowSystems::Show),
        ),
    )
    .add_observer(restore::<C>)
    .add_observer(leave::<C>);
}

/// Makes sure that there are assets of a kind, if no plugin of Bevy's has them.
pub(super) fn need_assets<A: Asset>(app: &mut App) {
    if !app.world().contains_resource::<Assets<A>>() {
        app.init_asset::<A>();
    }
}

fn forget_claims(mut all: Query<&mut Told, With<CartoonGroup>>) {
    all.iter_mut().for_each(|mut told| told.bypass_change_detection().claims.clear());
}

/// Cartoons whose picture a component may tell.
type Claimants<'w, 's, C> = Query<'w, 's, (&'static mut Told, &'static CartoonSource), (With<CartoonGroup>, With<C>)>;

fn claim<C: Shows>(mut cartoons: Claimants<C>) {
    for (mut told, source) in &mut cartoons {
        if told.is_asked(source) {
            told.bypass_change_detection().claims.push(C::short_type_path());
        }
    }
}

/// A picture whose component is gone is nobody's.
fn settle(mut cartoons: Query<(&mut Told, &mut CartoonSource), With<CartoonGroup>>) {
    for (mut told, mut source) in &mut cartoons {
        let told = told.bypass_change_detection();
        told.claims.sort_unstable();
        let is_orphan = told.claims.is_empty() && told.source != CartoonSource::None;
        if is_orphan && told.is_asked(&source) {
            told.tell(Ok(CartoonSource::None), &mut source);
        }
    }
}

/// What a picture is told with.
type Telling<'a, C> =
    (Entity, &'a mut C, &'a mut Told, &'a mut CartoonSource, &'a CartoonOutput, Option<&'a mut Own<C>>);

/// Tells the picture; and looks what the game has made of the component.
fn adopt<C: Shows>(
    mut cartoons: Query<Telling<C>, With<CartoonGroup>>,
    mut assets: StaticSystemParam<C::Assets>,
    mut commands: Commands,
) {
    for (entity, mut component, mut told, mut source, output, own) in &mut cartoons {
        let told = told.bypass_change_detection();
        let Some(mut own) = own else {
            if told.claims.len() == 1 && told.is_asked(&source) {
                let look = component.look();
                told.tell(C::picture(&look, &assets), &mut source);
                commands.entity(entity).try_insert(Own::<C> { look, stand_in: None });
            }
            continue;
        };
        let own = own.bypass_change_detection();
        let now = component.look();
        let meant = own.stand_in.as_ref().map_or(now.clone(), |s| C::meant(now.clone(), &own.look, &s.look));
        if !told.is_asked(&source) {
            // The game has set a picture of its own.
            put(&mut component, &now, &meant);
            commands.entity(entity).try_remove::<Own<C>>();
            continue;
        }
        let seen = C::picture(&meant, &assets);
        let follows = seen.as_ref().is_ok_and(|seen| follows_on(&told.source, seen));
        if let Some(stand_in) = own.stand_in.take() {
            let is_kept = follows && stand_in.output == output.image;
            let look = match is_kept {
                true if meant == own.look => Some(now.clone()),
                true => Some(C::stand_in(&meant, &stand_in.output, Some(&stand_in.look), &mut assets)),
                false => None,
            };
            put(&mut component, &now, look.as_ref().unwrap_or(&meant));
            own.stand_in = look.map(|look| StandIn { look, ..stand_in });
        }
        own.look = meant;
        told.tell(seen, &mut source);
    }
}

/// Whether the cartoon of one picture may be seen until that of the next is drawn: they are the same, or sections of
/// the same size of one image.
fn follows_on(before: &CartoonSource, next: &CartoonSource) -> bool {
    match (before, next) {
        (CartoonSource::Part(a, p), CartoonSource::Part(b, q)) => a == b && p.size() == q.size(),
        _ => before == next,
    }
}

/// A change only if it is one.
fn put<C: Shows>(component: &mut Mut<C>, now: &C::Look, look: &C::Look) {
    if now != look {
        component.set_look(look);
    }
}

/// What the stand-in is shown with.
type Showing<'a, C> =
    (&'a mut C, &'a mut Own<C>, &'a Told, &'a CartoonOutput, &'a CartoonRequest, &'a Progress, &'a CartoonStatus);

/// Swaps the cartoon in once it belongs to the picture that the component has.
fn show<C: Shows>(mut cartoons: Query<Showing<C>, With<CartoonGroup>>, mut assets: StaticSystemParam<C::Assets>) {
    for (mut component, mut own, told, output, request, progress, status) in &mut cartoons {
        let own = own.bypass_change_detection();
        // An image that has just been changed is not in the request yet.
        let is_asked = request.wanted.as_ref().is_some_and(|w| w.source.may_stand_for(&told.source));
        if is_asked && progress.updates > 0 && progress.revision >= request.source_revision {
            let before = own.stand_in.take();
            let look = match &before {
                Some(before) if before.output == output.image => before.look.clone(),
                _ => C::stand_in(&own.look, &output.image, before.as_ref().map(|b| &b.look), &mut assets),
            };
            let now = component.look();
            put(&mut component, &now, &look);
            own.stand_in = Some(StandIn { look, output: output.image.clone(), of: told.source.clone() });
        } else if status.error().is_some()
            && let Some(old) = own.stand_in.take_if(|stand_in| stand_in.of != told.source)
        {
            // There will be no cartoon of this picture.
            put(&mut component, &old.look, &own.look);
        }
    }
}

fn restore<C: Shows>(
    removed: On<Remove, CartoonGroup>,
    mut components: Query<(&mut C, &Own<C>)>,
    mut commands: Commands,
) {
    let Ok((mut component, own)) = components.get_mut(removed.entity) else { return };
    if let Some(stand_in) = &own.stand_in {
        let meant = C::meant(component.look(), &own.look, &stand_in.look);
        component.set_look(&meant);
    }
    commands.entity(removed.entity).try_remove::<Own<C>>();
}

/// The component itself is taken away.
fn leave<C: Shows>(removed: On<Remove, C>, mut commands: Commands) {
    commands.entity(removed.entity).try_remove::<Own<C>>();
}
