"""Writes binary glTF: skinned primitives that share one skeleton. Only what avatars need."""

import io
import json
import struct

import numpy as np

FLOAT, UNSIGNED_SHORT, UNSIGNED_BYTE = 5126, 5123, 5121
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
COMPONENTS = {np.dtype(np.float32): FLOAT, np.dtype(np.uint16): UNSIGNED_SHORT, np.dtype(np.uint8): UNSIGNED_BYTE}
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963


class Glb:
    """Collects buffers, pictures, materials and nodes; `save` writes them as one file."""

    def __init__(self, generator):
        self.bytes = bytearray()
        self.json = {"asset": {"version": "2.0", "generator": generator}, "scene": 0, "scenes": [{"nodes": [0]}],
                     "nodes": [], "meshes": [], "materials": [], "textures": [], "images": [], "bufferViews": [],
                     "samplers": [{"magFilter": 9729, "minFilter": 9987}], "accessors": [], "skins": []}

    def accessor(self, array, target=ARRAY_BUFFER, bounds=False, normalized=False):
        """Index of an accessor for an (n, k) array of f32, u16 or u8."""
        array = np.ascontiguousarray(array)
        flat = array.reshape(len(array), -1)
        entry = {"bufferView": self._view(array.tobytes(), target), "componentType": COMPONENTS[array.dtype],
                 "count": len(array), "type": TYPES[flat.shape[1]]}
        if bounds:
            entry |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        if normalized:
            entry["normalized"] = True
        return self._add("accessors", entry)

    def picture(self, image, quality=None):
        """Index of a texture with a Pillow image: a JPEG of this quality, or a PNG."""
        memory = io.BytesIO()
        if quality:
            image.save(memory, "JPEG", quality=quality, optimize=True)
        else:
            image.save(memory, "PNG", optimize=True)
        view = self._view(memory.getvalue())
        source = self._add("images", {"bufferView": view, "mimeType": "image/jpeg" if quality else "image/png"})
        return self._add("textures", {"source": source, "sampler": 0})

    def material(self, name, colour=(1, 1, 1, 1), texture=None, roughness=0.6, alpha=None, cutoff=0.5, two_sided=False):
        """Index of a material without metal. `colour`: linear RGBA; `alpha`: 'MASK', 'BLEND' or nothing."""
        surface = {"baseColorFactor": [float(c) for c in colour], "metallicFactor": 0.0, "roughnessFactor": roughness}
        if texture is not None:
            surface["baseColorTexture"] = {"index": texture}
        entry = {"name": name, "pbrMetallicRoughness": surface, "doubleSided": two_sided}
        if alpha:
            entry |= {"alphaMode": alpha} | ({"alphaCutoff": cutoff} if alpha == "MASK" else {})
        return self._add("materials", entry)

    def primitive(self, material, faces, **attributes):
        """A primitive; `attributes`: accessor indices by glTF semantic."""
        indices = self.accessor(faces.astype(np.uint16).reshape(-1, 1), ELEMENT_BUFFER)
        return {"attributes": attributes, "indices": indices, "material": material}

    def node(self, name, **fields):
        """Index of a node."""
        return self._add("nodes", {"name": name} | fields)

    def mesh(self, name, primitives):
        """Index of a mesh."""
        return self._add("meshes", {"name": name, "primitives": primitives})

    def skin(self, joints):
        """Index of a skin whose joints all rest at the origin."""
        inverse = np.tile(np.eye(4, dtype=np.float32).reshape(1, 16), (len(joints), 1))
        return self._add("skins", {"joints": joints, "inverseBindMatrices": self.accessor(inverse, target=None)})

    def save(self, path):
        """Writes the file."""
        body = bytes(self.bytes) + b"\0" * (-len(self.bytes) % 4)
        tree = {key: value for key, value in self.json.items() if value != []}
        head = json.dumps(tree | {"buffers": [{"byteLength": len(body)}]}, separators=(",", ":")).encode()
        head += b" " * (-len(head) % 4)
        with open(path, "wb") as file:
            file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(head) + 8 + len(body)))
            file.write(struct.pack("<I4s", len(head), b"JSON") + head)
            file.write(struct.pack("<I4s", len(body), b"BIN\0") + body)

    def _view(self, data, target=None):
        self.bytes += b"\0" * (-len(self.bytes) % 4)
        view = {"buffer": 0, "byteOffset": len(self.bytes), "byteLength": len(data)}
        self.bytes += data
        return self._add("bufferViews", view | ({"target": target} if target else {}))

    def _add(self, kind, entry):
        self.json[kind].append(entry)
        return len(self.json[kind]) - 1
