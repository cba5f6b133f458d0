//! Compiles changed shaders as Bevy and the device would, without touching what is in use.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bevy::prelude::default;
use bevy::render::render_resource::{BindGroupLayout, ColorTargetState};
use bevy::render::renderer::RenderDevice;
use bevy::shader::ShaderDefVal;
use bevy::tasks::block_on;
use naga_oil::compose::{
    ComposableModuleDescriptor, Composer, ComposerError, NagaModuleDescriptor, ShaderDefValue, ShaderLanguage,
    ShaderType,
};

use crate::ecs::ReloadError;
use crate::plan::Written;

/// Covers the target, as the vertex shader that Bevy has for it.
const VERTEX: &str = "@vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(i32(i / 2u) * 4 - 1), f32(i32(i % 2u) * 4 - 1), 0.0, 1.0);
}";

/// A pipeline that is drawn with, and the text that is to take the place of its fragment shader.
pub(super) struct Trial {
    /// The template's path below `shaders/`.
    pub file: &'static str,
    pub written: Written,
    pub defs: Vec<ShaderDefVal>,
    pub layouts: Vec<BindGroupLayout>,
    pub targets: Vec<Option<ColorTargetState>>,
}

/// Whether the libraries, by path below `shaders/`, and all trials compile.
///
/// # Errors
/// [`ReloadError::Shader`] with the first that does not.
pub(super) fn check(
    libs: &BTreeMap<String, String>,
    trials: Vec<Trial>,
    device: &RenderDevice,
) -> Result<(), ReloadError> {
    let mut composer = compose(libs)?;
    for trial in trials {
        let module = trial.module(&mut composer)?;
        trial.pipeline(module, device)?;
    }
    Ok(())
}

/// A composer that knows the libraries. They may import each other in any order: what can be added is, until nothing is
/// left.
fn compose(libs: &BTreeMap<String, String>) -> Result<Composer, ReloadError> {
    let mut composer = Composer::default();
    let mut left: Vec<(&String, &String)> = libs.iter().collect();
    while !left.is_empty() {
        let before = left.len();
        let mut fault = None;
        left.retain(|(path, text)| {
            let language = ShaderLanguage::Wgsl;
            let module = ComposableModuleDescriptor { source: text, file_path: path, language, ..default() };
            let added = composer.add_composable_module(module).map(|_| ());
            added.map_err(|error| fault = Some(explain(&error, &composer, path, None))).is_err()
        });
        if let Some(fault) = fault.filter(|_| left.len() == before) {
            return Err(fault);
        }
    }
    Ok(composer)
}

impl Trial {
    fn module(&self, composer: &mut Composer) -> Result<naga::Module, ReloadError> {
        let def = |def: &ShaderDefVal| match def.clone() {
            ShaderDefVal::Bool(name, value) => (name, ShaderDefValue::Bool(value)),
            ShaderDefVal::Int(name, value) => (name, ShaderDefValue::Int(value)),
            ShaderDefVal::UInt(name, value) => (name, ShaderDefValue::UInt(value)),
        };
        let descriptor = NagaModuleDescriptor {
            source: &self.written.text,
            file_path: self.file,
            shader_type: ShaderType::Wgsl,
            shader_defs: self.defs.iter().map(def).collect(),
            ..default()
        };
        composer.make_naga_module(descriptor).map_err(|e| explain(&e, composer, self.file, Some(&self.written)))
    }

    /// Makes the pipeline on the device: the shader may be right and still not fit what it is bound to.
    fn pipeline(&self, module: naga::Module, device: &RenderDevice) -> Result<(), ReloadError> {
        let device = device.wgpu_device();
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let shader = |source| device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
        let vertex = shader(wgpu::ShaderSource::Wgsl(VERTEX.into()));
        let fragment = shader(wgpu::ShaderSource::Naga(Cow::Owned(module)));
        let layouts: Vec<_> = self.layouts.iter().map(|layout| Some(&**layout)).collect();
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            bind_group_layouts: &layouts,
            ..wgpu::PipelineLayoutDescriptor::default()
        });
        // Only whether it can be made matters.
        let _ = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("bevy_toonface/trial"),
            layout: Some(&layout),
            vertex: wgpu::VertexState {
                module: &vertex,
                entry_point: None,
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            fragment: Some(wgpu::FragmentState {
                module: &fragment,
                entry_point: Some("fragment"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &self.targets,
            }),
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            multiview_mask: None,
            cache: None,
        });
        match block_on(scope.pop()) {
            None => Ok(()),
            Some(error) => {
                Err(ReloadError::Shader { file: self.file.into(), line: 1, reason: one_line(&error.to_string()) })
            }
        }
    }
}

/// An error in terms of the file that a person edits.
fn explain(error: &ComposerError, composer: &Composer, file: &str, written: Option<&Written>) -> ReloadError {
    let text = error.emit_to_string(composer);
    let (place, line) = place(&text).unwrap_or((file, 1));
    let line = written.filter(|_| place == file).map_or(line, |written| written.template_line(line));
    ReloadError::Shader { file: place.to_owned(), line, reason: reason(&text) }
}

/// File and line in a compiler's message, which has them as `┌─ file:line:column`.
fn place(message: &str) -> Option<(&str, usize)> {
    let (_, rest) = message.split_once("┌─ ")?;
    let mut parts = rest.lines().next()?.trim_end().rsplitn(3, ':');
    let (_column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    Some((file, line.parse().ok()?))
}

/// What a compiler complains about: its first line, what stands below the marks, and its notes.
fn reason(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let mark =
        message.lines().find_map(|line| line.split_once('^')).map(|(_, rest)| rest.trim_start_matches('^').trim());
    let notes = message.lines().filter_map(|line| line.trim().strip_prefix("= "));
    let mut parts: Vec<&str> = vec![first];
    for part in mark.into_iter().chain(notes).filter(|part| !part.is_empty()) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join(": ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, ReloadError, Trial, Written, compose, place, reason};

    const MESSAGE: &str = "error: no definition in scope for identifier: `foo`
   ┌─ ops/pool.wgsl:12:9
   │
12 │     let x = foo;
   │             ^^^ unknown identifier
   │
   = no definition in scope for identifier: `foo`
   = did you mean `for`?
";

    #[test]
    fn a_message_is_told_in_one_line_with_its_place() {
        assert_eq!(place(MESSAGE), Some(("ops/pool.wgsl", 12)));
        let expected = "no definition in scope for identifier: `foo`: unknown identifier: did you mean `for`?";
        assert_eq!(reason(MESSAGE), expected);
        assert_eq!((place("something else"), reason("something else")), (None, "something else".into()));
    }

    /// Libraries are looked into when something imports them.
    fn import(library: &str) -> Result<(), ReloadError> {
        let mut composer = compose(&BTreeMap::from([("lib/a.wgsl".to_owned(), library.to_owned())]))?;
        let written = Written::whole(
            "#import a::f\n@fragment\nfn fragment() -> @location(0) vec4<f32> { return vec4(f32(f())); }",
        );
        let trial = Trial { file: "ops/b.wgsl", written, defs: Vec::new(), layouts: Vec::new(), targets: Vec::new() };
        trial.module(&mut composer).map(|_| ())
    }

    #[test]
    fn a_broken_library_is_named_with_its_line() {
        import("#define_import_path a\nfn f() -> i32 { return 1; }").expect("a library without a fault");
        for text in ["#define_import_path a\n\nfn f() -> i32 { return g; }", "#define_import_path a\n\nfn f( {}"] {
            let error = import(text).expect_err("a fault");
            assert!(matches!(&error, ReloadError::Shader { file, line: 3, .. } if file == "lib/a.wgsl"), "{error}");
        }
    }
}
