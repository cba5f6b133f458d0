// Counts what a page asks of WebGL2. Runs in the page, before its scripts.

export function countGl() {
  const counts = { programs: 0, textures: 0, draws: 0, textureBytes: 0 };
  const sizes = new WeakMap();
  const bound = new Map();
  const { R8, R16F, RG32F, RGBA16F, RGBA32F } = WebGL2RenderingContext;
  /** Bytes of a texel by internal format; those that are not listed have four. */
  const bytes = { [R8]: 1, [R16F]: 2, [RG32F]: 8, [RGBA16F]: 8, [RGBA32F]: 16 };
  const texel = (internal) => bytes[internal] ?? 4;
  const { prototype } = WebGL2RenderingContext;
  const wrap = (name, before) => {
    const original = prototype[name];
    prototype[name] = function (...args) {
      before.call(this, ...args);
      return original.apply(this, args);
    };
  };
  const resize = (target, size) => {
    const texture = bound.get(target);
    if (!texture) return;
    counts.textureBytes += size - (sizes.get(texture) ?? 0);
    sizes.set(texture, size);
  };
  wrap("linkProgram", () => (counts.programs += 1));
  wrap("createTexture", () => (counts.textures += 1));
  wrap("bindTexture", (target, texture) => bound.set(target, texture));
  wrap("deleteTexture", (texture) => {
    if (texture) counts.textureBytes -= sizes.get(texture) ?? 0;
  });
  wrap("texStorage2D", (target, levels, internal, width, height) => resize(target, width * height * texel(internal)));
  wrap("texImage2D", (target, level, internal, width, height) => {
    if (level === 0 && typeof height === "number") resize(target, width * height * texel(internal));
  });
  for (const draw of ["drawArrays", "drawElements", "drawArraysInstanced", "drawElementsInstanced"]) {
    wrap(draw, () => (counts.draws += 1));
  }
  window.glCounts = counts;
}
