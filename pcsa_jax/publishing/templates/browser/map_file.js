/**
 * Reads a grey-matter map, judges it and brings it to the model's grid as Python does (pcsa_jax.data).
 * The limits come with the model (model.json), from the constants of the Python code.
 */
import * as nifti from "nifti-reader-js";
import { UserError } from "./errors.js";
import { resample, smooth } from "./grids.js";
import { checkCoverage, checkPlace } from "./placement.js";

const MOST_BYTES = 2 ** 30; // decompressed; pcsa_jax.data.headers.MAX_BYTES
const READERS = { // NIfTI's code of the voxels' type -> bytes, DataView's method
  2: [1, "getUint8"], 4: [2, "getInt16"], 8: [4, "getInt32"], 16: [4, "getFloat32"], 64: [8, "getFloat64"],
  256: [1, "getInt8"], 512: [2, "getUint16"], 768: [4, "getUint32"],
};
const MAKE_AGAIN = "Make it again from its source.";

const TARGET_FWHM_MM = 8;

/**
 * @param {Blob} file what the user gave
 * @param {string} name of it, for messages
 * @param {object} model model.json
 * @param {number} fwhmMm what it has been smoothed with, if it is on another grid than this software's
 * @returns {Promise<object>} values on the model's grid (RAS+, Float32Array, x slowest), the same normalised, steps in
 *   words, isPhantom, and where the file's own voxels are: own (null if they are the model's), turn, header, affine
 * @throws {UserError} if it is no map that the model takes
 */
export async function readMap(file, name, model, fwhmMm) {
  const data = await readBytes(file, name);
  const { header, affine } = readHeader(data, name);
  const turn = findTurn(header.dims.slice(1, 4), affine);
  const own = { shape: turn.rasShape, affine: turn.ras };
  checkAxes(turn, model.limits, name);
  checkMarks(header, data, model.limits, name);
  const found = toRas(readVoxels(header, data, name), turn);
  judgeValues(found, model.limits, name);
  checkCoverage(own, model, name);
  const { values, steps } = harmonise(found, own, model, fwhmMm);
  checkPlace(values, model, name);
  const { low, high } = ends(values);
  const normalised = values.map((value) => (value - low) / (high - low));
  const isPhantom = header.description.startsWith(model.limits.phantom_descrip);
  const isOn = isSame(own, model.grid, model.limits);
  return { name, values, normalised, steps, isPhantom, own: isOn ? null : own, turn, header, affine };
}

/** Smooth to 8 mm and on the model's grid; what lies on a cubic grid of this software is taken as smoothed. */
function harmonise(found, own, model, fwhmMm) {
  const steps = [], isOurs = isSame(own, gridOfSize(own.shape[0], model.grid), model.limits);
  const missing = Math.sqrt(Math.max(0, TARGET_FWHM_MM ** 2 - (isOurs ? TARGET_FWHM_MM : fwhmMm) ** 2));
  const edges = [0, 1, 2].map((axis) => own.affine[axis][axis]);
  let values = found;
  if (missing > 0) {
    values = smooth(values, own.shape, edges, missing);
    steps.push(`smoothed with ${Number(missing.toPrecision(3))} mm FWHM`);
  }
  if (!isSame(own, model.grid, model.limits)) {
    values = resample(values, own, model.grid);
    steps.push(`resampled from ${describeGrid(own.shape, edges)}`);
  }
  return { values, steps };
}

const describeGrid = (shape, edges) => `${shape.join(" × ")} voxels of ${edges.map((edge) => Number(edge.toPrecision(3))).join(" × ")} mm`;

/** The cube of so many voxels a side over the model's field of view. */
function gridOfSize(size, grid) {
  const width = grid.voxel_size_mm * grid.shape[0], edge = width / size;
  const affine = [0, 1, 2].map((row) => {
    const centre = grid.affine[row][3] + (grid.voxel_size_mm * (grid.shape[0] - 1)) / 2;
    return [0, 1, 2].map((column) => (row === column ? edge : 0)).concat([centre - (edge * (size - 1)) / 2]);
  });
  return { shape: [size, size, size], affine };
}

function isSame(own, grid, limits) {
  return own.shape.every((extent, axis) => extent === grid.shape[axis]) && own.affine.every((line, row) => line.every(
    (value, column) => Math.abs(value - grid.affine[row][column]) <= limits.affine_tolerance_mm));
}

async function readBytes(file, name) {
  const start = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const isZipped = start[0] === 0x1f && start[1] === 0x8b;
  // The browser's own decompression: unlike fflate's, it checks the file's checksum.
  const stream = isZipped ? file.stream().pipeThrough(new DecompressionStream("gzip")) : file.stream();
  const reader = stream.getReader(), parts = [];
  let size = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      size += part.value.length;
      if (size > MOST_BYTES) break;
    }
  } catch {
    throw new UserError(`${name}: expected a whole file, found one that is cut or damaged. Copy it again.`);
  }
  if (size > MOST_BYTES) {
    reader.cancel().catch(() => {});
    throw new UserError(`${name}: expected one volume, found more than 1 GiB. Give one grey-matter map.`);
  }
  return await new Blob(parts).arrayBuffer();
}

function readHeader(data, name) {
  const isLong = data.byteLength >= 540 && nifti.isNIFTI2(data);
  if (!isLong && !(data.byteLength >= 352 && nifti.isNIFTI1(data))) {
    throw new UserError(`${name}: expected a NIfTI file (.nii, .nii.gz), found another kind of file. Give a grey-matter map in NIfTI.`);
  }
  let header;
  try {
    header = nifti.readHeader(data);
  } catch {
    throw new UserError(`${name}: expected a readable header, found a damaged one. ${MAKE_AGAIN}`);
  }
  const count = header.dims[0], extents = header.dims.slice(1, 1 + count);
  if (count < 3 || count > 7 || extents.some((extent, axis) => (axis < 3 ? extent < 1 : extent !== 1))) {
    throw new UserError(`${name}: expected one 3-D volume, found ${extents.join(" x ") || "no"} voxels. Give one map at a time.`);
  }
  if (!(header.sform_code > 0) && !(header.qform_code > 0)) {
    throw new UserError(`${name}: expected an affine that places the voxels, found none. Copy the orientation from the volume that it was made from.`);
  }
  return { header, affine: readAffine(header, data, isLong) };
}

/** Voxel to world: the sform where there is one, as nibabel does; nifti-reader-js may prefer the qform. */
function readAffine(header, data, isLong) {
  if (!(header.sform_code > 0)) return header.affine;
  const view = new DataView(data), [start, bytes, method] = isLong ? [400, 8, "getFloat64"] : [280, 4, "getFloat32"];
  const number = (row, column) => view[method](start + bytes * (4 * row + column), header.littleEndian);
  return [0, 1, 2].map((row) => [0, 1, 2, 3].map((column) => number(row, column))).concat([[0, 0, 0, 1]]);
}

/** How the file's axes lie in the world: of each, the world's axis, and whether it runs the same way. */
function findTurn(shape, affine) {
  const axes = [0, 1, 2].map((axis) => {
    const column = [0, 1, 2].map((row) => Math.abs(affine[row][axis]));
    return column.indexOf(Math.max(...column));
  });
  const forward = axes.map((world, axis) => affine[world][axis] > 0);
  const ras = [0, 1, 2].map((row) => {
    const line = [0, 0, 0, affine[row][3]];
    axes.forEach((world, axis) => {
      line[world] = forward[axis] ? affine[row][axis] : -affine[row][axis];
      line[3] += forward[axis] ? 0 : affine[row][axis] * (shape[axis] - 1);
    });
    return line;
  });
  const rasShape = [0, 0, 0];
  axes.forEach((world, axis) => { rasShape[world] = shape[axis]; });
  return { shape, axes, forward, rasShape, ras, isTurn: new Set(axes).size === 3 };
}

function checkAxes(turn, limits, name) {
  const isAlong = turn.isTurn && turn.ras.every((line, row) => line.slice(0, 3).every(
    (value, column) => row === column || Math.abs(value) <= limits.affine_tolerance_mm));
  if (isAlong) return;
  throw new UserError(`${name}: expected voxels along the axes of MNI152, found turned ones. Resample it first: see "Which maps it takes".`);
}

function checkMarks(header, data, limits, name) {
  const before = new Uint8Array(data, 0, Math.min(header.vox_offset, data.byteLength));
  const text = new TextDecoder("latin1").decode(before);
  const isSynthetic = header.description.startsWith(limits.synthetic_descrip)
    || header.intent_name.startsWith(limits.synthetic_intent) || text.includes(limits.synthetic_signature);
  if (isSynthetic) {
    throw new UserError(`${name}: expected a grey-matter map, found synthetic FDG-PET, by its header. Give the map that it was made from.`);
  }
}

function readVoxels(header, data, name) {
  const reader = READERS[header.datatypeCode];
  if (!reader) {
    throw new UserError(`${name}: expected whole or real numbers, found voxels of NIfTI type ${header.datatypeCode}. Convert it to float32.`);
  }
  const [bytes, method] = reader, count = header.dims[1] * header.dims[2] * header.dims[3];
  const start = header.vox_offset;
  if (!(start >= 348) || start + count * bytes > data.byteLength) {
    throw new UserError(`${name}: expected ${count} voxels, found a file that ends before them. Copy it again.`);
  }
  const slope = header.scl_slope || 1, inter = header.scl_slope ? header.scl_inter : 0;
  if (!Number.isFinite(slope) || !Number.isFinite(inter)) {
    throw new UserError(`${name}: expected a scale (scl_slope, scl_inter), found ${slope} and ${inter}. ${MAKE_AGAIN}`);
  }
  const view = new DataView(data), values = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    values[index] = view[method](start + index * bytes, header.littleEndian) * slope + inter;
  }
  return values;
}

/** From the file's order (first axis fastest) to RAS+ with x slowest, and back. */
function* voxelPairs({ shape, axes, forward, rasShape }) {
  const [, ny, nz] = rasShape, strides = [ny * nz, nz, 1];
  let place = 0;
  const step = (axis, index) => strides[axes[axis]] * (forward[axis] ? index : shape[axis] - 1 - index);
  for (let third = 0; third < shape[2]; third++) {
    for (let second = 0; second < shape[1]; second++) {
      const base = step(2, third) + step(1, second);
      for (let first = 0; first < shape[0]; first++) yield [place++, base + step(0, first)];
    }
  }
}

function toRas(values, turn) {
  const turned = new Float32Array(values.length);
  for (const [own, ras] of voxelPairs(turn)) turned[ras] = values[own];
  return turned;
}

/** @returns {Float32Array} a RAS+ volume in the order of the file that `turn` is of */
export function fromRas(values, turn) {
  const turned = new Float32Array(values.length);
  for (const [own, ras] of voxelPairs(turn)) turned[own] = values[ras];
  return turned;
}

function ends(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

function judgeValues(values, limits, name) {
  const odd = values.reduce((count, value) => count + !Number.isFinite(value), 0), { low, high } = ends(values);
  const short = (value) => Number(value.toPrecision(4));
  if (odd) {
    throw new UserError(`${name}: expected finite voxels, found ${odd} of ${values.length} NaN or infinite. Write 0 outside the brain, or make it again.`);
  }
  if (low === high) {
    throw new UserError(`${name}: expected a volume with contrast, found the constant ${short(low)}. ${MAKE_AGAIN}`);
  }
  if (low < -limits.probability_tolerance || high > 1 + limits.probability_tolerance) {
    throw new UserError(`${name}: expected grey-matter probabilities from 0 to 1, found ${short(low)} to ${short(high)}. Give the map of a segmentation, no scan.`);
  }
  if (high < limits.least_grey_matter) {
    throw new UserError(`${name}: expected grey-matter probabilities up to about 1, found ${short(high)} at most. Multiply it if it is stored in other units.`);
  }
}
