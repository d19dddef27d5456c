/** Three planes of a map and its PET side by side, with a cross that moves through all. */

const KINDS = [ // name, axis along its normal, axes to the right and up, and what lies there
  { name: "Axial", normal: 2, right: 0, up: 1, letters: ["L", "R", "P", "A"] },
  { name: "Coronal", normal: 1, right: 0, up: 2, letters: ["L", "R", "I", "S"] },
  { name: "Sagittal", normal: 0, right: 1, up: 2, letters: ["P", "A", "I", "S"] },
];
const AXES = ["x", "y", "z"];

/** 256 colours, RGB: black, red, yellow, white (matplotlib's "hot", but for its dark red at 0), or greys. */
export function colours(name) {
  const ramp = (value, from, to) => Math.min(1, Math.max(0, (value - from) / (to - from)));
  return Array.from({ length: 256 }, (_, index) => {
    const value = index / 255;
    if (name === "grey") return [index, index, index];
    return [ramp(value, 0, 0.365), ramp(value, 0.365, 0.746), ramp(value, 0.746, 1)].map((c) => Math.round(255 * c));
  });
}

export function paintBar(canvas, lut) {
  const context = canvas.getContext("2d"), image = context.createImageData(256, 1);
  lut.forEach((colour, index) => image.data.set([...colour, 255], 4 * index));
  context.putImageData(image, 0, 0);
}

export class Planes {
  /**
   * @param {HTMLElement} place to fill
   * @param {object} grid of the volumes
   * @param {(voxel: number[]) => void} moved told where the cross is
   */
  constructor(place, grid, moved) {
    this.grid = grid;
    this.moved = moved;
    this.cross = grid.shape.map((extent, axis) => this.voxelAt(axis, [-24, -21, 9][axis], extent));
    this.layers = [];
    this.planes = KINDS.map((kind) => this.makePlane(place, kind));
  }

  voxelAt(axis, mm, extent) {
    const voxel = Math.round((mm - this.grid.affine[axis][3]) / this.grid.voxel_size_mm);
    return Math.min(extent - 1, Math.max(0, voxel));
  }

  mm(axis, voxel = this.cross[axis]) {
    return this.grid.affine[axis][3] + this.grid.voxel_size_mm * voxel;
  }

  /** @param {object[]} layers {volume, range, lut}: the map, then the PET */
  show(layers) {
    this.layers = layers;
    this.draw();
  }

  makePlane(place, kind) {
    const figure = document.createElement("figure");
    figure.className = "plane";
    const title = figure.appendChild(document.createElement("figcaption"));
    const canvases = ["grey matter", "synthetic PET"].map((what) => {
      const canvas = figure.appendChild(document.createElement("canvas"));
      canvas.width = canvas.height = 384;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${kind.name} plane, ${what}`);
      this.listen(canvas, kind);
      return canvas;
    });
    const slider = figure.appendChild(document.createElement("input"));
    Object.assign(slider, { type: "range", min: 0, max: this.grid.shape[kind.normal] - 1, step: 1 });
    slider.setAttribute("aria-label", `${kind.name} plane`);
    slider.addEventListener("input", () => this.move({ [kind.normal]: Number(slider.value) }));
    place.appendChild(figure);
    return { kind, title, canvases, slider };
  }

  listen(canvas, kind) {
    const follow = (event) => {
      if (event.type === "pointermove" && !(event.buttons & 1)) return;
      const box = canvas.getBoundingClientRect(), { right, up } = kind;
      const across = (event.clientX - box.left) / box.width, down = (event.clientY - box.top) / box.height;
      const clip = (value, axis) => Math.min(this.grid.shape[axis] - 1, Math.max(0, Math.floor(value)));
      this.move({ [right]: clip(across * this.grid.shape[right], right), [up]: clip((1 - down) * this.grid.shape[up], up) });
    };
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); follow(event); });
    canvas.addEventListener("pointermove", follow);
  }

  move(voxels) {
    for (const [axis, voxel] of Object.entries(voxels)) this.cross[axis] = voxel;
    this.draw();
  }

  value(volume) {
    const [x, y, z] = this.cross, [, ny, nz] = this.grid.shape;
    return volume[(x * ny + y) * nz + z];
  }

  draw() {
    for (const { kind, title, canvases, slider } of this.planes) {
      slider.value = this.cross[kind.normal];
      const mm = Math.round(this.mm(kind.normal));
      slider.setAttribute("aria-valuetext", `${AXES[kind.normal]} = ${mm} mm`);
      title.textContent = `${kind.name}, ${AXES[kind.normal]} = ${String(mm).replace("-", "−")} mm`;
      this.layers.forEach((layer, index) => this.paint(canvases[index], kind, layer));
    }
    this.moved(this.cross);
  }

  paint(canvas, { normal, right, up, letters }, { volume, range: [low, high], lut }) {
    const shape = this.grid.shape, width = shape[right], height = shape[up], strides = [shape[1] * shape[2], shape[2], 1];
    const small = new OffscreenCanvas(width, height), image = new ImageData(width, height);
    const base = this.cross[normal] * strides[normal];
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const value = volume[base + column * strides[right] + (height - 1 - row) * strides[up]];
        const index = Math.round(255 * Math.min(1, Math.max(0, (value - low) / (high - low))));
        image.data.set([...lut[index], 255], 4 * (row * width + column));
      }
    }
    small.getContext("2d").putImageData(image, 0, 0);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    this.paintCross(context, canvas, (this.cross[right] + 0.5) / width, 1 - (this.cross[up] + 0.5) / height, letters);
  }

  paintCross(context, canvas, across, down, [left, right, bottom, top]) {
    const size = canvas.width, x = across * size, y = down * size, gap = 10;
    context.strokeStyle = "rgba(120, 200, 255, 0.8)";
    context.lineWidth = 1.5;
    context.beginPath();
    for (const [fromX, fromY, toX, toY] of [[0, y, x - gap, y], [x + gap, y, size, y], [x, 0, x, y - gap], [x, y + gap, x, size]]) {
      context.moveTo(fromX, fromY);
      context.lineTo(toX, toY);
    }
    context.stroke();
    context.fillStyle = "rgba(255, 255, 255, 0.75)";
    context.font = "600 17px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const [text, placeX, placeY] of [[left, 13, size / 2], [right, size - 13, size / 2], [bottom, size / 2, size - 13], [top, size / 2, 14]]) {
      context.fillText(text, placeX, placeY);
    }
  }
}
