//! The tab Plan: the table of a chain's passes, to be searched.

use bevy_egui::egui::{self, FontId, RichText, ScrollArea, TextEdit, TextStyle, Ui, text::LayoutJob};

use super::style::{self, weak};
use crate::gpu::{ChainInfo, StepTimes};

/// The tab.
pub(super) fn tab(ui: &mut Ui, chain: Option<&ChainInfo>, search: &mut String) {
    let Some(chain) = chain else {
        ui.label(weak("No chain of passes has been made yet."));
        return;
    };
    let mut lines = chain.table.lines();
    let (summary, header) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    ui.label(weak(summary).small());
    let rows: Vec<String> = timed(lines, chain.times.as_deref()).collect();
    let all = rows.len();
    let rows = matching(rows, search);
    let header = if chain.times.is_some() { format!("{header} {:>8}", "ms") } else { header.to_owned() };
    ui.horizontal(|ui| {
        ui.add(TextEdit::singleline(search).hint_text("search nodes, kernels, shapes").desired_width(220.0));
        if ui.add_enabled(!search.is_empty(), egui::Button::new("x").small()).clicked() {
            search.clear();
        }
        ui.label(weak(format!("{} of {all} results in {} passes", rows.len(), chain.passes)));
    });
    let height = ui.text_style_height(&TextStyle::Monospace);
    ScrollArea::both().id_salt("plan").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add(egui::Label::new(RichText::new(header).monospace().color(style::WEAK)).extend());
        let widest = rows.iter().map(String::len).max().unwrap_or_default();
        let letter = ui.fonts_mut(|fonts| fonts.glyph_width(&TextStyle::Monospace.resolve(ui.style()), 'm'));
        ui.set_min_width(widest as f32 * letter);
        let top = ui.cursor().top();
        // Only what is on screen is laid out: a plan has hundreds of rows.
        ui.set_height(height * rows.len() as f32);
        let visible = ui.clip_rect().y_range();
        let first = (((visible.min - top) / height).floor().max(0.0) as usize).min(rows.len());
        let last = (((visible.max - top) / height).ceil().max(0.0) as usize).min(rows.len());
        let (left, font) = (ui.cursor().left(), TextStyle::Monospace.resolve(ui.style()));
        for (i, row) in rows.iter().enumerate().take(last).skip(first) {
            let job = highlighted(row, search, &font);
            let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
            ui.painter().galley(egui::pos2(left, top + height * i as f32), galley, style::TEXT);
        }
    });
}

/// The rows, with what each pass took on the GPU if that was measured: where a pass has several rows, in its first one.
/// The first step of an update is no pass of the plan.
fn timed<'a>(rows: impl Iterator<Item = &'a str>, times: Option<&StepTimes>) -> impl Iterator<Item = String> {
    let mut laps = times.into_iter().flat_map(|times| &times.milliseconds).skip(1);
    rows.map(move |row| {
        let lap = if row.trim_start().starts_with('+') { None } else { laps.next() };
        lap.map_or_else(|| row.to_owned(), |ms| format!("{row} {ms:>8.3}"))
    })
}

/// The rows that contain a text, whatever the case of its letters.
fn matching(rows: Vec<String>, search: &str) -> Vec<String> {
    let search = search.to_lowercase();
    rows.into_iter().filter(|row| row.to_lowercase().contains(&search)).collect()
}

/// A row with what was searched for in another colour.
fn highlighted(row: &str, search: &str, font: &FontId) -> LayoutJob {
    let mut job = LayoutJob::default();
    let format = |color| egui::TextFormat { font_id: font.clone(), color, ..Default::default() };
    for (part, found) in parts(row, search) {
        job.append(part, 0.0, format(if found { style::WAIT } else { style::TEXT }));
    }
    job
}

/// A row in pieces, and whether they are what was searched for. Tables are ASCII, so letters keep their places in lower
/// case; in a row that is not, nothing is marked.
fn parts<'a>(row: &'a str, search: &str) -> Vec<(&'a str, bool)> {
    if search.is_empty() || !row.is_ascii() || !search.is_ascii() {
        return vec![(row, false)];
    }
    let (low, search) = (row.to_lowercase(), search.to_lowercase());
    let mut parts = Vec::new();
    let mut end = 0;
    for (at, found) in low.match_indices(&search) {
        parts.push((&row[end..at], false));
        end = at + found.len();
        parts.push((&row[at..end], true));
    }
    parts.push((&row[end..], false));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [&str; 3] = ["   0  stem.relu  Conv7", "   1  encode1.conv1  conv3", "   2  encode1  combine"];

    #[test]
    fn a_search_finds_rows_whatever_the_case() {
        let found = |search: &str| matching(ROWS.map(String::from).to_vec(), search).len();
        assert_eq!([found(""), found("CONV"), found("encode1"), found("combine"), found("nothing")], [3, 2, 2, 1, 0]);
    }

    #[test]
    fn a_pass_has_its_own_time() {
        let times = StepTimes { milliseconds: vec![9.0, 0.5, 1.25], ..StepTimes::default() };
        let rows: Vec<String> = timed(ROWS.into_iter(), Some(&times)).collect();
        assert_eq!(rows, [format!("{}    0.500", ROWS[0]), format!("{}    1.250", ROWS[1]), ROWS[2].to_owned()]);
        assert_eq!(timed(ROWS.into_iter(), None).collect::<Vec<_>>(), ROWS);
    }

    #[test]
    fn a_further_result_of_a_pass_has_no_time_and_takes_none() {
        let times = StepTimes { milliseconds: vec![9.0, 0.5, 1.25], ..StepTimes::default() };
        let rows = [ROWS[0], "   +  skip1.conv1  conv3", ROWS[1]];
        let timed: Vec<String> = timed(rows.into_iter(), Some(&times)).collect();
        assert_eq!(timed, [format!("{}    0.500", rows[0]), rows[1].to_owned(), format!("{}    1.250", rows[2])]);
    }

    #[test]
    fn what_was_searched_for_is_marked_and_no_letter_is_lost() {
        let marked = parts(ROWS[1], "CONV");
        assert_eq!(marked, [("   1  encode1.", false), ("conv", true), ("1  ", false), ("conv", true), ("3", false)]);
        for (row, search) in [(ROWS[0], ""), (ROWS[0], "x"), (ROWS[2], "e"), ("ünï", "n"), (ROWS[1], "ß")] {
            assert_eq!(parts(row, search).iter().map(|(part, _)| *part).collect::<String>(), row);
        }
    }
}
