//! From the text of a shader to a pipeline on the device, or to what is wrong with it and where.

use std::future::Future;

use bevy::render::render_resource::{BindGroupLayout, RenderPipeline};
use bevy::render::renderer::RenderDevice;
use bevy::tasks::{block_on, poll_once};
use thiserror::Error;
use wgpu::{
    CompilationInfo, CompilationMessageType, ErrorFilter, FragmentState, MultisampleState, PipelineCompilationOptions,
    PipelineLayoutDescriptor, PrimitiveState, RenderPipelineDescriptor, ShaderModule, ShaderModuleDescriptor,
    ShaderSource, VertexState,
};

use super::program::Program;
use crate::plan::{Place, Subject, WriteError, Written};

/// Why there is no pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}, line {line}: {reason}")]
pub(super) struct CompileError {
    /// Path below `shaders/`.
    pub file: String,
    /// Line in that file, counted from 1; 1 if the compiler does not say.
    pub line: usize,
    /// The compiler's reason, in one line.
    pub reason: String,
}

/// What a pipeline is made of.
pub(super) struct Parts {
    pub program: Program,
    pub written: Written,
    pub vertex: ShaderModule,
    pub layout: BindGroupLayout,
}

/// The vertex stage of all pipelines. On WebGPU, what is wrong with it is told of the pipelines.
pub(super) fn compile_vertex(device: &RenderDevice, written: &Written) -> Result<ShaderModule, CompileError> {
    let scope = device.wgpu_device().push_error_scope(ErrorFilter::Validation);
    let vertex = module(device, "bevy_toonface/triangle", &written.text);
    match block_on(poll_once(scope.pop())).flatten() {
        None => Ok(vertex),
        Some(error) => {
            let info = block_on(vertex.get_compilation_info());
            Err(explain(&error.to_string(), &info, Subject::Triangle.file(), written))
        }
    }
}

/// A module of a shader's text, with the checks that keep reads and loops in bounds.
fn module(device: &RenderDevice, label: &str, text: &str) -> ShaderModule {
    let source = ShaderSource::Wgsl(text.into());
    device.wgpu_device().create_shader_module(ShaderModuleDescriptor { label: Some(label), source })
}

/// Makes a pipeline. All work is done before the first wait; what is waited for is the device's word on it, which comes
/// at once but on WebGPU.
pub(super) fn compile(
    parts: &Parts,
    device: &RenderDevice,
) -> impl Future<Output = Result<RenderPipeline, CompileError>> + use<> {
    let Parts { program, written, vertex, layout } = parts;
    let label = format!("bevy_toonface/{program}");
    let device_scope = device.wgpu_device().push_error_scope(ErrorFilter::Validation);
    let fragment = module(device, &label, &written.text);
    let device = device.wgpu_device();
    let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label: Some(&label),
        bind_group_layouts: &[Some(&**layout)],
        ..PipelineLayoutDescriptor::default()
    });
    let pipeline = device.create_render_pipeline(&RenderPipelineDescriptor {
        label: Some(&label),
        layout: Some(&pipeline_layout),
        vertex: VertexState {
            module: vertex,
            entry_point: Some("vertex"),
            compilation_options: PipelineCompilationOptions::default(),
            buffers: &[],
        },
        fragment: Some(FragmentState {
            module: &fragment,
            entry_point: Some("fragment"),
            compilation_options: PipelineCompilationOptions::default(),
            targets: &program.targets(),
        }),
        primitive: PrimitiveState::default(),
        depth_stencil: None,
        multisample: MultisampleState::default(),
        multiview_mask: None,
        cache: None,
    });
    let error = device_scope.pop();
    let (file, written) = (program.subject().file(), written.clone());
    async move {
        match error.await {
            None => Ok(pipeline.into()),
            Some(error) => Err(explain(&error.to_string(), &fragment.get_compilation_info().await, file, &written)),
        }
    }
}

impl From<WriteError> for CompileError {
    fn from(WriteError { file, line, reason }: WriteError) -> Self {
        Self { file: file.to_owned(), line, reason }
    }
}

/// An error in terms of the file that a person edits. A shader that is right by itself may still not fit what it is bound
/// to; that has no line.
fn explain(error: &str, info: &CompilationInfo, file: &'static str, written: &Written) -> CompileError {
    let message = info.messages.iter().find(|message| message.message_type == CompilationMessageType::Error);
    let at = message.and_then(|message| message.location);
    let place = at.map_or(Place { file, line: 1 }, |at| written.place(at.line_number as usize));
    let text = message.map_or(error, |message| message.message.as_str());
    CompileError { file: place.file.to_owned(), line: place.line, reason: reason(text) }
}

/// What a compiler complains about: its first line, what stands below the marks, and its notes. Without marks, all it says.
fn reason(message: &str) -> String {
    if !message.contains('^') {
        return message.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let first = message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let first = first.rsplit_once("error: ").map_or(first, |(_, first)| first).trim();
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

#[cfg(test)]
mod tests {
    use super::reason;

    const MESSAGE: &str = "
Shader 'x' parsing error: no definition in scope for identifier: `foo`
   ┌─ wgsl:12:9
   │
12 │     let x = foo;
   │             ^^^ unknown identifier
   │
   = no definition in scope for identifier: `foo`
   = did you mean `for`?
";

    #[test]
    fn a_message_is_told_in_one_line() {
        let expected = "no definition in scope for identifier: `foo`: unknown identifier: did you mean `for`?";
        assert_eq!(reason(MESSAGE), expected);
        assert_eq!(reason("something\n  else"), "something else");
    }
}
