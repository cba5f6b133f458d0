// Reads and writes .safetensors files of f32 tensors.

/** `{name: {shape, data}}` of the bytes of a file. */
export function parse(buffer) {
  const headerBytes = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, headerBytes)));
  delete header.__metadata__;
  const start = 8 + headerBytes;
  return Object.fromEntries(Object.entries(header).map(([name, { dtype, shape, data_offsets: [from, to] }]) => {
    if (dtype !== "F32") throw new Error(`tensor ${name} is ${dtype}; only F32 is read here`);
    return [name, { shape, data: new Float32Array(buffer.slice(start + from, start + to)) }];
  }));
}

/** The bytes of a file with these tensors. */
export function write(tensors) {
  let offset = 0;
  const header = {};
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, (offset += data.byteLength)] };
  }
  let text = JSON.stringify(header);
  text = text.padEnd(Math.ceil(text.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, Buffer.from(text), ...Object.values(tensors).map(({ data }) => Buffer.from(data.buffer))]);
}
