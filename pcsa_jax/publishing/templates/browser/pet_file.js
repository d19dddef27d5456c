/** Writes a synthetic PET as NIfTI-1 on the voxels of the map that it was made from, marked as Python marks it. */
import { bringBack } from "./grids.js";
import { fromRas } from "./map_file.js";

/**
 * @param {Float32Array} pet RAS+, in the model's unit
 * @param {object} map what readMap gave
 * @param {object} model model.json: its `marks` are made by pcsa_jax.data.synthetic_mark
 * @returns {Promise<Blob>} .nii.gz
 */
export async function encodePet(pet, map, model) {
  const mark = map.isPhantom ? model.marks.phantom : model.marks.person;
  const comment = new TextEncoder().encode(mark.comment);
  const extension = 16 * Math.ceil((8 + comment.length) / 16), start = 352 + extension;
  const [low, high] = model.pet.range;
  // Splines overshoot.
  const own = map.own ? bringBack(pet, model.grid, map.own).map((value) => Math.min(high, Math.max(low, value))) : pet;
  const voxels = fromRas(own, map.turn), buffer = new ArrayBuffer(start + 4 * voxels.length);
  writeHeader(new DataView(buffer), map, start);
  writeText(buffer, 148, 79, mark.descrip);
  writeText(buffer, 328, 16, model.marks.intent);
  writeText(buffer, 344, 3, "n+1");
  const view = new DataView(buffer);
  view.setUint8(348, 1);
  view.setInt32(352, extension, true);
  view.setInt32(356, 6, true); // a comment
  new Uint8Array(buffer).set(comment, 360);
  voxels.forEach((value, index) => view.setFloat32(start + 4 * index, value, true));
  const stream = new Blob([buffer]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Blob([await new Response(stream).arrayBuffer()], { type: "application/gzip" });
}

function writeHeader(view, { header, affine, turn }, start) {
  const floats = (place, values) => values.forEach((value, index) => view.setFloat32(place + 4 * index, value, true));
  const shorts = (place, values) => values.forEach((value, index) => view.setInt16(place + 2 * index, value, true));
  view.setInt32(0, 348, true);
  view.setUint8(38, "r".charCodeAt(0));
  shorts(40, [3, ...turn.shape, 1, 1, 1, 1]);
  shorts(70, [16, 32]); // float32
  floats(76, [...header.pixDims.slice(0, 4), 1, 1, 1, 1]);
  floats(108, [start, 1, 0]);
  view.setUint8(123, header.xyzt_units);
  shorts(252, [header.qform_code, header.sform_code]);
  floats(256, [header.quatern_b, header.quatern_c, header.quatern_d]);
  floats(268, [header.qoffset_x, header.qoffset_y, header.qoffset_z]);
  floats(280, header.sform_code > 0 ? affine.slice(0, 3).flat() : []);
}

function writeText(buffer, place, most, text) {
  const bytes = new TextEncoder().encode(text).slice(0, most);
  new Uint8Array(buffer, place, bytes.length).set(bytes);
}
