// Permutation: a picture before and after, the grid that finds itself, what networks make of both.
"use strict";

{
  const DATASETS = ["digits", "mnist", "fashion-mnist"];

  function Permutation() {
    const [dataset, setDataset] = useSetting("dataset", "digits");
    const [seed, setSeed] = useSetting("seed", "7");
    const [index, setIndex] = useSetting("image", "0");
    const [state, set] = useState({ data: null, error: "" });
    const [found, setFound] = useState(null);
    const wish = { dataset, seed: +seed || 0, index: +index || 0 };
    useEffect(() => {
      let left = false;
      setFound(null);
      post("/page/permutation/look", wish).then((data) => !left && set({ data, error: "" }), (e) => !left && set({ data: null, error: e.message }));
      return () => { left = true; };
    }, [dataset, seed, index]);
    const { data } = state;
    const said = (top, true_) => html`<td class="left ${top.name === true_ ? "fine" : ""}">${top.name} <span class="soft">${(100 * top.share).toFixed(0)} %</span></td>`;
    return html`<h1>Permutation</h1><p>The same permutation moves the pixels of every picture. An MLP does not care; a CNN loses what it lives by: neighbours.</p>
      <p class="tools"><label>Pictures <select value=${dataset} onChange=${(e) => setDataset(e.target.value)}>${DATASETS.map((d) => html`<option>${d}</option>`)}</select></label>
        <label>Permutation <input type="number" min="0" value=${seed} onChange=${(e) => setSeed(e.target.value)} /></label>
        <button type="button" onClick=${() => setIndex(String((+index || 0) + 1))}>Another picture</button></p>
      <${Trouble} text=${state.error} />
      ${!data && !state.error && html`<p class="loading" role="status">Loading ...</p>`}
      ${data && html`<div class="pair"><figure><img class="large" src=${data.plain} alt="The picture: ${data.true}" /><figcaption>${data.true}</figcaption></figure>
        <figure><img class="large" src=${data.moved} alt="The same picture, its pixels permuted" /><figcaption>permuted</figcaption></figure>
        ${found && html`<figure><img class="large" src=${found.restored} alt="The permuted picture, its pixels put back in order" /><figcaption>put back in order</figcaption></figure>`}</div>
        ${data.networks.length ? html`<div class="scroll" role="region" aria-label="What networks say" tabindex="0"><table id="networks"><caption>What the networks of the store take it for</caption>
          <thead><tr><th scope="col" class="left">network</th><th scope="col" class="left">plain</th><th scope="col" class="left">permuted</th></tr></thead>
          <tbody>${data.networks.map((n) => html`<tr><th scope="row" class="left"><${Link} to=${runAddress(n.run)}>${n.title}<//></th>${said(n.plain, data.true)}${said(n.moved, data.true)}</tr>`)}</tbody></table></div>`
          : html`<p class="note">No network of the store was trained on ${dataset} with its weights kept; <code>assay run tour</code> trains some.</p>`}
        <h2>The grid that finds itself</h2><p>From many permuted pictures alone, the order of the pixels can be found again: neighbours look alike.</p>
        <p><${Act} run=${async () => setFound(await post("/page/permutation/restore", wish))} busy="Looking for neighbours ...">Restore the order of the pixels<//></p>
        ${found && html`<figure><img class="grid-found" src=${found.gif} alt="Pixels, coloured by their true place, move to where the estimate puts them" />
          <figcaption id="found">${(100 * found.neighbours).toFixed(0)} % of neighbours are neighbours again, from ${count(found.images)} pictures in ${found.seconds.toFixed(1)} s; a turned or mirrored grid is as good.</figcaption></figure>`}`}`;
  }

  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = "/page/permutation/page.css";
  document.head.append(link);
  assay.page("permutation", Permutation);
}
