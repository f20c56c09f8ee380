// Loads the network of this page, and tells the page when it can be asked.
import * as ort from "./ort.mjs";

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { wasm: new URL("ort.wasm", document.baseURI).href };

async function load() {
  const about = await (await fetch("about.json")).json();
  const session = await ort.InferenceSession.create("network.onnx", { executionProviders: ["wasm"] });
  // images: Float32Array of (n, height, width, channels), values 0 to 255
  const ask = async (images, n, height, width, channels) => {
    const outputs = await session.run({ images: new ort.Tensor("float32", images, [n, height, width, channels]) });
    return Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, t.data]));
  };
  window.network = { about, ask };
  dispatchEvent(new Event("network"));
}

load().catch((error) => {
  const said = document.createElement("p");
  said.className = "trouble";
  said.setAttribute("role", "alert");
  said.textContent = `The network could not be loaded: ${error.message}. Such a page needs a web server (python -m http.server).`;
  document.getElementById("app").replaceChildren(said);
});
