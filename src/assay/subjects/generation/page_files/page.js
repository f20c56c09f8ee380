// Faces: sliders along principal latent directions, the way between two faces, GAN, VAE and flow.
"use strict";

{
  const NAMES = ["first", "second", "third", "fourth", "fifth", "sixth"];
  const START = { first: 0, second: 1, share: 0, knobs: [0, 0, 0, 0, 0, 0] };

  function Faces() {
    const [wish, set] = useState(START);
    const [state, setState] = useState({ data: null, error: "" });
    const box = useRef({ next: null, busy: false });
    useEffect(() => {
      box.current.next = wish;
      (async () => {
        if (box.current.busy) return;
        box.current.busy = true;
        while (box.current.next) {
          const mine = box.current.next;
          box.current.next = null;
          try { const data = await post("/page/faces/make", mine); setState({ data, error: "" }); } catch (e) { setState((old) => ({ ...old, error: e.message })); }
        }
        box.current.busy = false;
      })();
    }, [JSON.stringify(wish)]);
    const change = (part) => set((old) => ({ ...old, ...part }));
    const range = (id, label, value, low, high, onChange) => html`<label for=${id}>${label}</label><input type="range" id=${id} min=${low} max=${high} step="0.05" value=${value} onInput=${(e) => onChange(+e.target.value)} />`;
    const pictures = state.data ? state.data.pictures : null;
    return html`<h1>Faces</h1><p>Each model makes pictures of latent points. The sliders move along the directions in which its pictures change the most.</p>
      <${Trouble} text=${state.error} />
      ${!pictures && !state.error && html`<p class="loading" role="status">Loading ...</p>`}
      ${pictures && !pictures.length && html`<p>The store has no GAN, VAE or flow with its weights yet: <${Link} to="/edit/cats-gan-vae">cats-gan-vae<//> trains two, or start a small one of drawn dials.</p>`}
      ${pictures && pictures.length > 0 && html`<div class="faces-knobs">${range("share", "From one face to the other", wish.share, 0, 1, (share) => change({ share }))}
        ${NAMES.map((name, i) => range(`knob-${i}`, `${name} direction`, wish.knobs[i], -5, 5, (v) => change({ knobs: wish.knobs.map((k, j) => (j === i ? v : k)) })))}</div>
        <p class="tools"><button type="button" onClick=${() => change({ first: Math.floor(1e6 * Math.random()) })}>Another first face</button>
        <button type="button" onClick=${() => change({ second: Math.floor(1e6 * Math.random()) })}>Another second face</button>
        <button type="button" onClick=${() => change({ knobs: START.knobs })}>Sliders to the middle</button></p>`}
      ${pictures && html`<div class="faces">${pictures.map((p) => html`<section aria-label=${p.title}><h2>${p.title}</h2>
        <p class="note"><${Link} to=${runAddress(p.run)}>run ${p.run.slice(0, 8)}<//>, distance ${short(p.distance)}</p>
        <div class="row"><img src=${p.images[0]} alt="first face" /><img class="main" src=${p.images[1]} alt="the face between, moved by the sliders" /><img src=${p.images[2]} alt="second face" /></div></section>`)}</div>`}`;
  }

  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = "/page/faces/page.css";
  document.head.append(link);
  assay.page("faces", Faces);
}
