"""A headless OpenGL context with the pack's meshes and textures on it."""

import re
from pathlib import Path

import moderngl
import numpy as np

SHADERS = Path(__file__).parent / "shaders"
VERSION = "#version 330\n"
# The columns of mesh.Part.vertices.
VERTEX_LAYOUT = (
    ("in_position", 3), ("in_normal", 3), ("in_uv", 2), ("in_tangent", 3), ("in_height", 1), ("in_island", 1),
)


class GpuError(RuntimeError):
    """No headless OpenGL 3.3 context. On Debian: apt install libegl1 libgl1-mesa-dri."""


def context():
    """A context without a window (EGL); Mesa's software renderer serves where there is no GPU."""
    try:
        return moderngl.create_context(standalone=True, backend="egl")
    except Exception as error:  # moderngl raises bare Exception
        raise GpuError(f"no headless OpenGL context: {error}; is libegl1 with a Mesa driver installed?") from error


def shader_source(name, defines):
    """Text of shaders/`name` with #include lines replaced and `defines` on top."""
    def included(match):
        return (SHADERS / match.group(1)).read_text()

    body = re.sub(r'^#include "(.+)"$', included, (SHADERS / name).read_text(), flags=re.M)
    return VERSION + "".join(f"#define {key} {value}\n" for key, value in defines.items()) + body


def set_uniforms(program, **values):
    """Set uniforms by name. Names the compiler dropped are skipped; matrices are row-major numpy arrays."""
    for name, value in values.items():
        if name not in program:
            continue
        if isinstance(value, np.ndarray):
            matrices = value.ndim >= 2 and value.shape[-1] == value.shape[-2]
            column_major = np.swapaxes(value, -1, -2) if matrices else value
            program[name].write(np.ascontiguousarray(column_major, np.float32).tobytes())
        else:
            program[name] = value


class Stage:
    """Programs, index buffers and textures, each made once."""

    def __init__(self, pack, defines):
        self.pack, self.defines, self.context = pack, defines, context()
        self._textures, self._indices, self._vertices = {}, {}, {}
        self._screens = {}

    def part_program(self, fragment):
        """Program that draws parts with a fragment shader of shaders/."""
        return self.context.program(shader_source("part.vert", self.defines), shader_source(fragment, self.defines))

    def screen_pass(self, fragment):
        """(program, vertex array) of a full-screen pass."""
        program = self.context.program(shader_source("screen.vert", {}), shader_source(fragment, self.defines))
        return program, self.context.vertex_array(program, [])

    def texture(self, name, mode):
        """A mip-mapped texture of the pack."""
        if name not in self._textures:
            image = self.pack.texture(name, mode)
            texture = self.context.texture(image.size, len(mode), image.tobytes())
            texture.build_mipmaps()
            texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            self._textures[name] = texture
        return self._textures[name]

    def upload(self, parts):
        """Write the parts' vertices; later draws use them."""
        for part in parts:
            data = part.vertices.tobytes()
            if part.key not in self._vertices:
                self._vertices[part.key] = (self.context.buffer(reserve=len(data), dynamic=True), {})
            self._vertices[part.key][0].write(data)
            if part.faces is not None and part.key not in self._indices:
                self._indices[part.key] = self.context.buffer(np.ascontiguousarray(part.faces, np.int32).tobytes())

    def draw(self, program, parts):
        """Draw uploaded parts; binds each part's texture to unit 0 and sets `kind`."""
        for part in parts:
            mode = "LA" if part.kind.name in ("BROW", "LASH", "HAIR") else "RGB"
            self.texture(part.texture, mode).use(0)
            program["kind"] = int(part.kind)
            self._vertex_array(program, part.key).render(moderngl.TRIANGLES)

    def _vertex_array(self, program, key):
        vertices, arrays = self._vertices[key]
        if program not in arrays:
            names = [name for name, _ in VERTEX_LAYOUT if name in program]
            layout = " ".join(f"{n}f" if name in program else f"{4 * n}x" for name, n in VERTEX_LAYOUT)
            arrays[program] = self.context.vertex_array(program, [(vertices, layout, *names)], self._index_buffer(key))
        return arrays[program]

    def _index_buffer(self, key):
        if key not in self._indices:
            faces = self.pack.array("body_f") if key == "body" else self.pack.proxy(key).face
            self._indices[key] = self.context.buffer(np.ascontiguousarray(faces, np.int32).tobytes())
        return self._indices[key]
