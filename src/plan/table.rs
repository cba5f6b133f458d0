//! A plan as a readable table.

use std::fmt;

use super::Plan;

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
            self.weights.bytes() as f64 / MIB,
            self.params.len() as f64 / 1024.0,
        )?;
        writeln!(f, "{:>4}  {:<36} {:<28} {:>14} {:>11} {:>5}", "pass", "node", "kernel", "shape", "texture", "draws")?;
        for (i, pass) in self.passes.iter().enumerate() {
            let target = &self.tensors[pass.target];
            let (width, height) = target.layout.size();
            let kernel = pass.draws.first().map_or_else(String::new, |d| self.kernels[d.kernel].to_string());
            writeln!(
                f,
                "{i:>4}  {:<36} {kernel:<28} {:>14} {:>11} {:>5}",
                pass.label,
                target.shape.to_string(),
                format!("{}@{width}x{height}", target.slots.len()),
                pass.draws.len(),
            )?;
        }
        Ok(())
    }
}
