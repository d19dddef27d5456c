/**
 * Brings a map from another grid to the model's, and the PET back, as Python does with nilearn and scipy:
 * Gaussian smoothing, trilinear interpolation, cubic splines. Volumes are RAS+ with x slowest; axes run along the world's.
 */
const SIGMA_OF_FWHM = 1 / Math.sqrt(8 * Math.log(2));
const PAD = 12; // voxels that scipy repeats at each edge before it fits splines
const POLE = Math.sqrt(3) - 2; // of the cubic spline's filter

/** Calls `each` with the start and the step of every line of a volume along an axis. */
function forLines(shape, axis, each) {
  const strides = [shape[1] * shape[2], shape[2], 1], [first, second] = [0, 1, 2].filter((other) => other !== axis);
  for (let i = 0; i < shape[first]; i++) {
    for (let j = 0; j < shape[second]; j++) each(i * strides[first] + j * strides[second], strides[axis]);
  }
}

/** Smooths a volume with a Gaussian of so many millimetres; edges are mirrored. */
export function smooth(values, shape, edgesMm, fwhmMm) {
  const smoothed = Float32Array.from(values);
  shape.forEach((count, axis) => {
    const sigma = (fwhmMm * SIGMA_OF_FWHM) / edgesMm[axis], radius = Math.floor(4 * sigma + 0.5);
    const weights = Array.from({ length: 2 * radius + 1 }, (_, k) => Math.exp((-0.5 * (k - radius) ** 2) / sigma ** 2));
    const total = weights.reduce((sum, weight) => sum + weight, 0), line = new Float64Array(count + 2 * radius);
    const mirrored = (index) => { // d c b a | a b c d | d c b a
      const place = ((index % (2 * count)) + 2 * count) % (2 * count);
      return place < count ? place : 2 * count - 1 - place;
    };
    const sources = Array.from(line, (_, k) => mirrored(k - radius));
    forLines(shape, axis, (start, step) => {
      for (let k = 0; k < line.length; k++) line[k] = smoothed[start + step * sources[k]];
      for (let k = 0; k < count; k++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * line[k + tap];
        smoothed[start + step * k] = sum / total;
      }
    });
  });
  return smoothed;
}

/** Where the voxels of one grid lie on another's axes: of each axis, the places of its voxels. */
function places(from, to) {
  return [0, 1, 2].map((axis) => Array.from({ length: to.shape[axis] }, (_, voxel) => {
    const mm = to.affine[axis][3] + to.affine[axis][axis] * voxel;
    return (mm - from.affine[axis][3]) / from.affine[axis][axis];
  }));
}

/** Interpolates along one axis after the other; `taps(place, count)` gives first voxel and weights. */
function interpolate(values, shape, along, taps) {
  let volume = values, extent = [...shape];
  along.forEach((own, axis) => {
    const made = [...extent], weights = own.map((place) => taps(place, extent[axis]));
    made[axis] = own.length;
    const next = new Float64Array(made[0] * made[1] * made[2]), targets = [];
    forLines(made, axis, (start) => targets.push(start));
    let line = 0;
    forLines(extent, axis, (start, step) => {
      const target = targets[line++];
      weights.forEach(([first, factors], k) => {
        let sum = 0;
        for (let tap = 0; tap < factors.length; tap++) sum += factors[tap] * volume[start + step * (first + tap)];
        next[target + step * k] = sum;
      });
    });
    [volume, extent] = [next, made];
  });
  return volume;
}

/** Trilinear, 0 outside of the voxels' centres. */
export function resample(values, from, to) {
  const taps = (place, count) => {
    if (place < 0 || place > count - 1) return [0, []];
    const first = Math.min(Math.floor(place), count - 2), part = place - first;
    return [first, [1 - part, part]];
  };
  return Float32Array.from(interpolate(values, from.shape, places(from, to), taps));
}

/** Cubic splines, whose values go on to the edges of the voxels; 0 outside of them. */
export function bringBack(values, from, to) {
  const padded = from.shape.map((count) => count + 2 * PAD), edge = (k, count) => Math.min(count - 1, Math.max(0, k - PAD));
  const coefficients = new Float64Array(padded[0] * padded[1] * padded[2]), [nx, ny, nz] = from.shape;
  let place = 0;
  for (let x = 0; x < padded[0]; x++) {
    for (let y = 0; y < padded[1]; y++) {
      const base = (edge(x, nx) * ny + edge(y, ny)) * nz;
      for (let z = 0; z < padded[2]; z++) coefficients[place++] = values[base + edge(z, nz)];
    }
  }
  for (const axis of [0, 1, 2]) filterSplines(coefficients, padded, axis);
  const along = places(from, to), rounding = 1e-5;
  const isWithin = along.map((own, axis) => own.map((at) => at >= -0.5 - rounding && at <= from.shape[axis] - 0.5 + rounding));
  const taps = (at, count) => {
    const first = Math.floor(at + PAD) - 1;
    if (first < 0 || first + 3 >= count) return [0, []];
    const t = at + PAD - first - 1;
    return [first, [(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4, -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3].map((w) => w / 6)];
  };
  const within = along.map((own, axis) => own.map((at, k) => (isWithin[axis][k] ? at : Infinity)));
  return Float32Array.from(interpolate(coefficients, padded, within, (at, count) => (at === Infinity ? [0, []] : taps(at, count))));
}

/** From values to coefficients of cubic splines, in place; mirrored at the edges. */
function filterSplines(volume, shape, axis) {
  const count = shape[axis], gain = (1 - POLE) * (1 - 1 / POLE), horizon = Math.min(count, 40);
  forLines(shape, axis, (start, step) => {
    let sum = 0;
    for (let k = 0; k < count; k++) volume[start + step * k] *= gain;
    for (let k = 0; k < horizon; k++) sum += POLE ** k * volume[start + step * k];
    volume[start] = sum;
    for (let k = 1; k < count; k++) volume[start + step * k] += POLE * volume[start + step * (k - 1)];
    const last = start + step * (count - 1);
    volume[last] = (POLE / (POLE * POLE - 1)) * (volume[last] + POLE * volume[last - step]);
    for (let k = count - 2; k >= 0; k--) {
      volume[start + step * k] = POLE * (volume[start + step * (k + 1)] - volume[start + step * k]);
    }
  });
}

/** Mean over blocks: a volume of `size`^3 voxels in `blocks`^3. */
export function blocksOf(values, size, blocks) {
  const width = size / blocks, means = new Float64Array(blocks ** 3);
  for (let x = 0; x < size; x++) {
    for (let y = 0; y < size; y++) {
      const row = (Math.floor(x / width) * blocks + Math.floor(y / width)) * blocks;
      for (let z = 0; z < size; z++) means[row + Math.floor(z / width)] += values[(x * size + y) * size + z] / width ** 3;
    }
  }
  return means;
}

/** Pearson's correlation of two volumes. */
export function correlate(one, other) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [a, b] = [mean(one), mean(other)];
  let both = 0, first = 0, second = 0;
  for (let k = 0; k < one.length; k++) {
    both += (one[k] - a) * (other[k] - b);
    first += (one[k] - a) ** 2;
    second += (other[k] - b) ** 2;
  }
  return both / Math.sqrt(first * second);
}
