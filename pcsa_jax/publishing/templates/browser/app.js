/** The page: model in, map in, PET shown and saved. */
import { UserError } from "./errors.js";
import { readMap } from "./map_file.js";
import { encodePet } from "./pet_file.js";
import { colours, paintBar, Planes } from "./planes.js";

const at = (id) => document.getElementById(id);
const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const GREY = colours("grey"), HOT = colours("hot");
let model = null, planes = null, shown = null, waiting = null, isBusy = false, threads = 1;

function tell(text, progress = null) {
  at("status").textContent = text;
  at("progress").hidden = progress === null;
  if (progress !== null && progress >= 0) at("progress").value = progress;
  else at("progress").removeAttribute("value");
}

function fail(text) {
  at("error").textContent = text;
  at("error").hidden = !text;
}

function describeModel() {
  const { grid, training, pet } = model;
  const size = `${grid.shape.join(" × ")} voxels of ${grid.voxel_size_mm} mm`;
  at("grid-long").textContent = `${size}, first voxel at ${grid.affine.slice(0, 3).map((row) => number(row[3], 1)).join(", ")} mm, RAS+`;
  at("modulation").textContent = training.is_modulated ? "modulated" : "unmodulated";
  at("use").textContent = `Intended use: ${model.intended_use}.`;
  at("phantom").hidden = !training.is_phantom;
  at("phantom-text").textContent = `${model.notice} What it shows is simulated and says nothing of any person's brain.`;
  const unit = pet.unit === "SUVR" ? "SUVR" : "relative uptake";
  at("unit").textContent = `FDG-PET, synthetic: ${unit}`;
  [at("low").textContent, at("high").textContent] = pet.range.map((end) => String(end));
  at("meaning").textContent = `PET: ${pet.meaning}.`;
  const facts = {
    "Network": `${model.label}, row ${training.row}, step ${training.step} (${training.checkpoint} checkpoint)`,
    "Trained on": training.cohort + (training.is_phantom ? " (a PHANTOM)" : ""),
    "Takes": model.input, "Gives": model.output, "Intended use": model.intended_use,
    "SHA-256": model.sha256, "Software": `${model.generated_by}, onnxruntime-web, WebAssembly`,
  };
  for (const [name, value] of Object.entries(facts)) {
    at("model").appendChild(document.createElement("dt")).textContent = name;
    at("model").appendChild(document.createElement("dd")).textContent = value;
  }
  at("recipe").textContent = recipe(grid);
}

const recipe = (grid) => `from nilearn.image import resample_img, smooth_img
affine = ${JSON.stringify(grid.affine)}
gm = smooth_img("map.nii.gz", 8)
gm = resample_img(gm, affine, (${grid.shape.join(", ")}), force_resample=True, copy_header=True)
gm.to_filename("map_on_grid.nii.gz")`;

function show(map, made) {
  const [low, high] = model.pet.range;
  const pet = made.map((value) => low + (high - low) * Math.min(1, Math.max(0, value)));
  shown = { map, pet };
  at("result").hidden = false;
  at("name").textContent = map.name;
  at("given-phantom").hidden = !map.isPhantom;
  planes ??= new Planes(at("planes"), model.grid, readOut);
  planes.show([{ volume: map.values, range: [0, 1], lut: GREY }, { volume: pet, range: [low, high], lut: HOT }]);
}

function readOut() {
  const place = [0, 1, 2].map((axis) => number(planes.mm(axis), 0)).join(", ");
  at("place").textContent = `MNI ${place} mm: grey matter ${number(planes.value(shown.map.values))}, PET ${number(planes.value(shown.pet))}`;
}

async function open(file, name) {
  fail("");
  if (isBusy) return;
  isBusy = true;
  try {
    tell(`Reading ${name} …`, -1);
    await new Promise((resolve) => { setTimeout(resolve, 30); }); // so that it is shown
    const map = await readMap(file, name, model, Math.max(0, Number(at("fwhm").value) || 0));
    waiting = map;
    tell("Making PET …", -1);
    const { input, output } = model.tensors;
    worker.postMessage({ kind: "run", values: map.normalised, shape: model.grid.shape, input, output });
  } catch (error) {
    isBusy = false;
    if (!(error instanceof UserError)) console.error(error);
    tell("");
    fail(error instanceof UserError ? error.message : `${name}: expected a grey-matter map, found something that this page cannot read. Give another file.`);
  }
}

worker.onerror = () => { tell(""); fail("This browser: expected one that runs WebAssembly in module workers, found another. Use a newer one."); };
worker.onmessage = ({ data }) => {
  if (data.kind === "progress") {
    const part = data.total ? data.size / data.total : -1;
    tell(`Loading the model: ${number(data.size / 1e6, 0)} MB …`, part < 1 ? part : -1);
  } else if (data.kind === "ready") {
    threads = data.threads;
    document.body.dataset.ready = "true";
    at("file").disabled = at("example").disabled = false;
    tell("Ready.");
  } else if (data.kind === "pet") {
    const map = waiting;
    isBusy = false;
    show(map, data.pet);
    const steps = map.steps.length ? ` The map was ${map.steps.join(", ")}.` : "";
    tell(`Made in ${number(data.seconds, 1)} s by this browser (${threads === 1 ? "one thread" : `${threads} threads`}).${steps}`);
    document.body.dataset.seconds = data.seconds;
  } else {
    isBusy = false;
    tell("");
    const doing = data.during === "load" ? "expected the model's files beside the page" : "expected PET of the map";
    fail(`${model.file}: ${doing}, found an error (${data.text}). Load the page again.`);
  }
};

function listen() {
  at("file").addEventListener("change", () => {
    const [file] = at("file").files;
    if (file) open(file, file.name);
    at("file").value = "";
  });
  const drop = document.documentElement;
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); at("drop").classList.add("over"); });
  }
  drop.addEventListener("dragleave", (event) => { if (!event.relatedTarget) at("drop").classList.remove("over"); });
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    at("drop").classList.remove("over");
    const [file, ...more] = event.dataTransfer.files;
    if (more.length) fail(`expected one map, found ${more.length + 1} files. Give one at a time.`);
    else if (file && document.body.dataset.ready) open(file, file.name);
    else if (file) fail(`${file.name}: expected a model that is ready, found it still loading. Wait a moment, then drop it again.`);
  });
  at("example").addEventListener("click", async () => {
    fail("");
    open(await (await fetch(model.example.file)).blob(), model.example.name);
  });
  at("save").addEventListener("click", async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await encodePet(shown.pet, shown.map, model));
    link.download = shown.map.name.replace(/\.nii(\.gz)?$/i, "").replace(/_(probseg|dseg|T1w)$/i, "") + "_desc-synthetic_pet.nii.gz";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}

async function start() {
  at("file").disabled = at("example").disabled = true;
  paintBar(at("bar-map"), GREY);
  paintBar(at("bar-pet"), HOT);
  tell("Loading the model …", -1);
  try {
    const response = await fetch("model.json");
    if (!response.ok) throw new Error(response.statusText);
    model = await response.json();
  } catch {
    tell("");
    fail("model.json: expected the model's files beside the page, found none. Serve the folder that python -m pcsa_jax browser wrote (python -m http.server --directory FOLDER).");
    return;
  }
  describeModel();
  at("example").hidden = !model.example;
  listen();
  worker.postMessage({ kind: "load", url: new URL(model.file, document.baseURI).href, sha256: model.file_sha256 });
}

start();
