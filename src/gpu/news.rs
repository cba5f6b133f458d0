//! News that do not wait for the next exchange. The worlds meet behind the main world's frame, so what is told there is seen
//! in the frame after; what the GPU is done with between two frames is told before the second.

use std::sync::{Arc, Mutex, PoisonError};

use bevy::prelude::*;
#[cfg(target_arch = "wasm32")]
use bevy::render::{render_resource::PollType, renderer::RenderDevice};

use super::exchange::{Report, deliver};

/// News that nobody has taken yet. The same in both worlds.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct News(Arc<Mutex<Vec<(Entity, Report)>>>);

impl News {
    pub fn add(&self, news: impl IntoIterator<Item = (Entity, Report)>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(news);
    }

    pub fn take(&self) -> Vec<(Entity, Report)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Delivers the news before the systems of a game.
pub(super) fn plugin(app: &mut App, news: News) {
    app.insert_resource(news).add_systems(First, deliver_news.run_if(there_are_news));
}

/// In browsers, where there is one thread, the device has to be asked; elsewhere the thread that renders does that.
fn there_are_news(news: Res<News>, #[cfg(target_arch = "wasm32")] device: Option<Res<RenderDevice>>) -> bool {
    // A failed poll means a lost device, which Bevy's own error handling deals with.
    #[cfg(target_arch = "wasm32")]
    device.into_iter().for_each(|device| _ = device.poll(PollType::Poll));
    !news.is_empty()
}

fn deliver_news(world: &mut World) {
    let news = world.get_resource::<News>().map(News::take);
    news.into_iter().flatten().for_each(|(entity, report)| deliver(world, entity, report));
}
