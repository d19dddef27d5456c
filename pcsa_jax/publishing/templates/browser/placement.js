/**
 * Whether a map shows grey matter where MNI152 has it, by templates that come with the model.
 * As pcsa_jax.data.placement judges, but for its search: a map is compared as it lies, and flipped.
 */
import { UserError } from "./errors.js";
import { blocksOf, correlate } from "./grids.js";

const GREY = "grey matter", WHOLE = "a whole brain (a T1w scan, a mask)";

const decode = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Refuses a field of view that does not hold the brain. */
export function checkCoverage(own, { grid, references, limits }, name) {
  const { size } = references, brain = decode(references.templates[WHOLE]), width = (grid.voxel_size_mm * grid.shape[0]) / size;
  const first = [0, 1, 2].map((axis) => grid.affine[axis][3] + (width - grid.voxel_size_mm) / 2);
  const isIn = [0, 1, 2].map((axis) => Array.from({ length: size }, (_, k) => {
    const place = (first[axis] + width * k - own.affine[axis][3]) / own.affine[axis][axis];
    return place >= -0.5 && place <= own.shape[axis] - 0.5;
  }));
  let all = 0, held = 0;
  brain.forEach((value, index) => {
    if (value < 128) return;
    all++;
    held += isIn[0][Math.floor(index / size / size)] && isIn[1][Math.floor(index / size) % size] && isIn[2][index % size];
  });
  if (held < limits.min_coverage * all) {
    const part = Math.round((100 * held) / all);
    throw new UserError(`${name}: expected a volume in MNI152 space, found a field of view that holds ${part}% of the MNI152 brain. Bring it there first: see "Which maps it takes".`);
  }
}

/** Refuses what is no grey-matter map, or no brain where it should be. */
export function checkPlace(values, { grid, references, limits }, name) {
  const { size, templates } = references, blocks = blocksOf(values, grid.shape[0], size);
  const likeness = Object.fromEntries(Object.entries(templates).map(([what, text]) => [what, correlate(blocks, decode(text))]));
  const own = likeness[GREY], short = (value) => value.toFixed(2);
  const turned = Math.max(...[[1], [2], [1, 2]].map((axes) => correlate(flipped(blocks, size, axes), decode(templates[GREY]))));
  const best = Math.max(own, turned);
  for (const [what, value] of Object.entries(likeness)) {
    const needed = what === WHOLE ? Math.max(best + limits.whole_margin, limits.min_whole) : Math.max(best, limits.min_correlation);
    if (what !== GREY && value > needed) {
      throw new UserError(`${name}: expected a grey-matter map, found one that fits ${what} better (correlation ${short(value)} instead of ${short(own)}). Take the grey-matter map of the segmentation.`);
    }
  }
  if (best < limits.min_correlation) {
    throw new UserError(`${name}: expected a grey-matter map of a brain in MNI152 space, found a correlation of ${short(own)} with the template (at least ${limits.min_correlation}). Look at it over the template; register it.`);
  }
  if (turned > own) {
    throw new UserError(`${name}: expected the brain as the header turns it, found a better fit turned (correlation ${short(turned)} instead of ${short(own)}). Mend its header or make it again.`);
  }
}

function flipped(blocks, size, axes) {
  const strides = [size * size, size, 1], made = new Float64Array(blocks.length);
  blocks.forEach((value, index) => {
    let place = index;
    for (const axis of axes) place += strides[axis] * (size - 1 - 2 * (Math.floor(index / strides[axis]) % size));
    made[place] = value;
  });
  return made;
}
