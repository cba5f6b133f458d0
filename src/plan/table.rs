//! A plan as a readable table.

use std::fmt;

use super::{Pass, Plan};

const MIB: f64 = 1024.0 * 1024.0;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let draws: usize = self.passes.iter().map(|p| p.draws.len()).sum();
        writeln!(
            f,
            "{}: {} pictures, {:?} on {} planes, {} passes, {draws} draws, {} pipelines, {} textures {:.2} MiB (live {:.2}), \
             weights {:.2} MiB, parameters {:.1} KiB",
            self.model,
            self.options.batch,
            self.options.format,
            self.planes(),
            self.passes.len(),
            self.kernels.len(),
            self.slots.len(),
            self.slot_bytes() as f64 / MIB,
            self.live_bytes as f64 / MIB,
            self.weight_bytes() as f64 / MIB,
            self.params.len() as f64 / 1024.0,
        )?;
        writeln!(f, "{:>4}  {:<36} {:<28} {:>14} {:>11} {:>5}", "pass", "node", "kernel", "shape", "texture", "draws")?;
        for (i, pass) in self.passes.iter().enumerate() {
            // The number stands before a pass' first result only.
            let numbers = std::iter::once(i.to_string()).chain(std::iter::repeat_with(|| "+".into()));
            for ((number, label), target) in numbers.zip(&pass.labels).zip(&pass.targets) {
                self.write_row(f, (&number, label), pass, *target)?;
            }
        }
        Ok(())
    }
}

impl Plan {
    /// What a pass writes to one of its targets.
    fn write_row(
        &self,
        f: &mut fmt::Formatter<'_>,
        (number, label): (&str, &str),
        pass: &Pass,
        target: usize,
    ) -> fmt::Result {
        let draws: Vec<_> = pass.draws.iter().filter(|draw| draw.target == target).collect();
        let kernel = draws.first().map_or_else(String::new, |d| self.kernels[d.kernel].to_string());
        let target = &self.tensors[target];
        let (width, height) = target.layout.size();
        writeln!(
            f,
            "{number:>4}  {label:<36} {kernel:<28} {:>14} {:>11} {:>5}",
            target.shape.to_string(),
            format!("{}@{width}x{height}", target.slots.len()),
            draws.len(),
        )
    }
}
