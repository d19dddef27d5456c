/** Loads the model and runs it, beside the page, so that the page stays awake. */
import * as ort from "./packages/ort/ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = new URL("./packages/ort/", import.meta.url).href;
// Threads need shared memory, which browsers give to pages of their own origin alone (see docs/browser.md).
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
let session = null;

async function load({ url, sha256 }) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  const total = Number(response.headers.get("Content-Length")) || 0, parts = [], reader = response.body.getReader();
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    size += part.value.length;
    postMessage({ kind: "progress", size, total });
  }
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  if (self.crypto.subtle) { // not on a page that came over plain HTTP from elsewhere
    const digest = new Uint8Array(await self.crypto.subtle.digest("SHA-256", bytes));
    const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (found !== sha256) throw new Error("another file than the page was made with, or a damaged one");
  }
  session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  postMessage({ kind: "ready", threads: ort.env.wasm.numThreads });
}

async function run({ values, shape, input, output }) {
  const start = performance.now();
  const made = await session.run({ [input]: new ort.Tensor("float32", values, [1, ...shape]) });
  const pet = new Float32Array(made[output].data);
  postMessage({ kind: "pet", pet, seconds: (performance.now() - start) / 1000 }, [pet.buffer]);
}

onmessage = async ({ data }) => {
  try {
    await (data.kind === "load" ? load(data) : run(data));
  } catch (error) {
    postMessage({ kind: "failed", during: data.kind, text: String(error?.message ?? error).split("\n")[0].slice(0, 200) });
  }
};
