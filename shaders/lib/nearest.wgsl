// The sampler of every texture: nearest texel, clamped to the edge. Float textures cannot be filtered everywhere.
#define_import_path bevy_toonface::lib::nearest

@group(0) @binding(4) var nearest: sampler;
