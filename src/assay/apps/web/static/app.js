// The frame: navigation, and which page an address stands for.
"use strict";

const pageNames = JSON.parse(document.body.dataset.pages);

// A subject's page comes as a script of its own, when it is first opened.
function SubjectPage({ name }) {
  const [ready, setReady] = useState(name in assay.pages ? name : "");
  const [error, setError] = useState("");
  useEffect(() => {
    if (name in assay.pages) { setReady(name); return; }
    const script = document.createElement("script");
    script.src = `/page/${encodeURIComponent(name)}/page.js`;
    script.onload = () => setReady(name);
    script.onerror = () => setError(`The page ${name} could not be loaded.`);
    document.head.append(script);
  }, [name]);
  document.title = `${pageNames[name] || name} - assay`;
  if (error) return html`<${Trouble} text=${error} />`;
  return ready === name ? html`<${assay.pages[name]} />` : html`<p class="loading" role="status">Loading ...</p>`;
}

function Route({ address }) {
  const url = new URL(address, "http://x");
  const [, kind, ...rest] = url.pathname.split("/");
  let name = rest.join("/");
  try { name = decodeURIComponent(name); } catch { /* shown as it is */ }
  if (kind === "") return html`<${Studies} />`;
  if (kind === "study" && name) return html`<${Study} key=${name} name=${name} />`;
  if (kind === "run" && name) return html`<${Run} key=${name} name=${name} />`;
  if (kind === "new") return html`<${Edit} name="" />`;
  if (kind === "edit" && name) return html`<${Edit} key=${name} name=${name} />`;
  if (kind === "page" && name in pageNames) return html`<${SubjectPage} key=${name} name=${name} />`;
  return html`<h1>There is no such page</h1><p><${Link} to="/">All studies<//></p>`;
}

function App() {
  const [address, setAddress] = useState(here());
  const now = useNews(), path = useRef(location.pathname);
  useEffect(() => {
    const follow = () => {
      if (path.current !== location.pathname) fetched.clear(); // a saved page has only its own data
      path.current = location.pathname;
      setAddress(here());
    };
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);
  const shown = address.split("?")[0];
  const Item = ({ to, children }) => html`<li><${Link} to=${to} aria-current=${shown === to ? "page" : undefined}>${children}<//></li>`;
  return html`<a class="skip" href="#main">Skip to the content</a>
    <header><nav aria-label="Pages"><ul><${Item} to="/">Studies<//>
      ${Object.entries(pageNames).map(([name, title]) => html`<${Item} to="/page/${name}">${title}<//>`)}
      ${!saved && html`<${Item} to="/new">New study<//>`}</ul></nav>
      <p class="net" role="status">${saved ? "a saved page" : now.connected ? (now.drivers.length ? html`<i class="pulse"></i> training` : "") : "not connected; trying again"}</p></header>
    <main id="main" tabindex="-1"><${Route} address=${address} /></main>`;
}

document.getElementById("app").replaceChildren();
render(html`<${App} />`, document.getElementById("app"));
listen();
