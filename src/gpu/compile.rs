//! From the text of a shader to a pipeline on the device, or to what is wrong with it and where.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use bevy::render::render_resource::{BindGroupLayout, RenderPipeline};
use bevy::render::renderer::RenderDevice;
use wgpu::{
    CompilationInfo, CompilationMessageType, Device, ErrorFilter, ErrorScopeGuard, FragmentState, MultisampleState,
    PipelineCompilationOptions, PipelineLayoutDescriptor, PrimitiveState, RenderPipelineDescriptor, ShaderModule,
    ShaderModuleDescriptor, ShaderSource, VertexState,
};

use super::program::Program;
use crate::plan::{Place, WriteError, Written};

/// Why there is no pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Whether the shader has been edited: then the device is asked whether it fits what it is bound to.
    pub is_edited: bool,
}

/// A module of a shader's text, with the checks that keep reads and loops in bounds. `file`: the template's path below `shaders/`.
///
/// # Errors
/// The compiler's, but on WebGPU, whose compiler is the browser's: there it is told of the pipeline.
pub(super) fn module(device: &RenderDevice, file: &str, written: &Written) -> Result<ShaderModule, CompileError> {
    let label = format!("bevy_toonface/{file}");
    let source = source(file, written)?;
    Ok(device.wgpu_device().create_shader_module(ShaderModuleDescriptor { label: Some(&label), source }))
}

/// What the device is given: the text, where its compiler can be asked what is wrong with it.
#[cfg(target_arch = "wasm32")]
fn source<'a>(_: &str, written: &'a Written) -> Result<ShaderSource<'a>, CompileError> {
    Ok(ShaderSource::Wgsl(written.text.as_str().into()))
}

/// What the device is given: what is right. Elsewhere the device's error scopes are those of all threads, Bevy's among them
/// (wgpu is built without `std`), so a compiler's complaint would reach whoever has asked last.
#[cfg(not(target_arch = "wasm32"))]
fn source<'a>(file: &str, written: &'a Written) -> Result<ShaderSource<'a>, CompileError> {
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    let text = &written.text;
    let fault = |at: Option<naga::SourceLocation>, message: String| {
        let line = at.map(|at| at.line_number as usize);
        CompileError::new(file, line.map(|line| written.place(line)), &message)
    };
    let module = naga::front::wgsl::parse_str(text).map_err(|e| fault(e.location(text), e.emit_to_string(text)))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    validator.validate(&module).map_err(|e| fault(e.location(text), e.emit_to_string(text)))?;
    Ok(ShaderSource::Naga(std::borrow::Cow::Owned(module)))
}

/// Makes a pipeline. All work is done before the first wait; what is waited for is the device's word on it, which comes
/// at once but on WebGPU.
pub(super) fn compile(
    parts: &Parts,
    device: &RenderDevice,
) -> impl Future<Output = Result<RenderPipeline, CompileError>> + use<> {
    let file = parts.program.subject().file();
    let fragment = module(device, file, &parts.written);
    let asks = parts.is_edited || cfg!(target_arch = "wasm32");
    let made = fragment.map(|fragment| {
        // One at a time, see `source`.
        let turn = asks.then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
        let scope = asks.then(|| device.wgpu_device().push_error_scope(ErrorFilter::Validation));
        let pipeline = pipeline(parts, &fragment, device.wgpu_device());
        let error = scope.map(ErrorScopeGuard::pop);
        drop(turn);
        (pipeline, error, fragment)
    });
    let written = parts.written.clone();
    async move {
        let (pipeline, error, fragment) = made?;
        match error {
            Some(error) => match error.await {
                Some(error) => Err(explain(&error.to_string(), &fragment.get_compilation_info().await, file, &written)),
                None => Ok(pipeline.into()),
            },
            None => Ok(pipeline.into()),
        }
    }
}

/// Who may ask the device for its errors.
static TURN: Mutex<()> = Mutex::new(());

fn pipeline(parts: &Parts, fragment: &ShaderModule, device: &Device) -> wgpu::RenderPipeline {
    let Parts { program, vertex, layout, .. } = parts;
    let label = format!("bevy_toonface/{program}");
    let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label: Some(&label),
        bind_group_layouts: &[Some(&**layout)],
        ..PipelineLayoutDescriptor::default()
    });
    device.create_render_pipeline(&RenderPipelineDescriptor {
        label: Some(&label),
        layout: Some(&pipeline_layout),
        vertex: VertexState {
            module: vertex,
            entry_point: Some("vertex"),
            compilation_options: PipelineCompilationOptions::default(),
            buffers: &[],
        },
        fragment: Some(FragmentState {
            module: fragment,
            entry_point: Some("fragment"),
            compilation_options: PipelineCompilationOptions::default(),
            targets: &program.targets(),
        }),
        primitive: PrimitiveState::default(),
        depth_stencil: None,
        multisample: MultisampleState::default(),
        multiview_mask: None,
        cache: None,
    })
}

impl CompileError {
    /// `file` stands in where the place is not known.
    fn new(file: &str, place: Option<Place>, message: &str) -> Self {
        let (file, line) = place.map_or((file, 1), |place| (place.file, place.line));
        Self { file: file.to_owned(), line, reason: reason(message) }
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.file, self.line, self.reason)
    }
}

impl From<WriteError> for CompileError {
    fn from(WriteError { file, line, reason }: WriteError) -> Self {
        Self { file: file.to_owned(), line, reason }
    }
}

/// An error in terms of the file that a person edits. A shader that is right by itself may still not fit what it is bound
/// to; that has no line.
fn explain(error: &str, info: &CompilationInfo, file: &str, written: &Written) -> CompileError {
    let message = info.messages.iter().find(|message| message.message_type == CompilationMessageType::Error);
    let at = message.and_then(|message| message.location);
    let text = message.map_or(error, |message| message.message.as_str());
    CompileError::new(file, at.map(|at| written.place(at.line_number as usize)), text)
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
