// What every page uses: preact, fetching, addresses, the stream of news, numbers as text.
"use strict";

const { h, render, Fragment } = preact;
const { useState, useEffect, useRef, useMemo, useCallback } = preactHooks;
const html = htm.bind(h);

const assay = { pages: {}, page: (name, component) => { assay.pages[name] = component; } };

// -- data ----------------------------------------------------------------------------------------

// A page that was saved as one file has what it showed inside, and no server.
const saved = (() => {
  const kept = document.getElementById("saved");
  return kept ? JSON.parse(kept.textContent) : null;
})();

// Everything that was fetched for the page as it is; this is what a saved file keeps.
const fetched = new Map();

async function get(url) {
  if (saved) {
    if (url in saved.data) return saved.data[url];
    throw new Error("This saved page does not have that; open the server's page for it.");
  }
  const answer = await asked(url, { headers: { "X-Assay": "1" } });
  const text = await answer.text(), before = fetched.get(url);
  if (answer.ok && before && before.text === text) return before.data; // the same object: nothing is drawn again
  const data = understood(answer, text);
  fetched.set(url, { text, data });
  return data;
}

async function post(url, body) {
  if (saved) throw new Error("A saved page has no server that could do this.");
  const plain = body instanceof Blob;
  const answer = await asked(url, {
    method: "POST",
    headers: { "X-Assay": "1", "Content-Type": plain ? "application/octet-stream" : "application/json" },
    body: plain ? body : JSON.stringify(body),
  });
  return understood(answer, await answer.text());
}

async function asked(url, how) {
  try { return await fetch(url, how); } catch { throw new Error("The server does not answer; is assay serve still running?"); }
}

function understood(answer, text) {
  let data = null;
  try { data = JSON.parse(text); } catch { /* said below */ }
  if (!answer.ok) throw new Error((data && data.error) || `The server answered ${answer.status}.`);
  return data;
}

const api = (name, asked = {}) => {
  const query = new URLSearchParams(asked).toString();
  return `/api/${name}${query ? `?${query}` : ""}`;
};

// Data of a view: what was there before stays until the new is there, so that nothing flickers.
// `version` is asked for again when it changes, but not faster than the server can answer.
function useData(url, version = "") {
  const [state, set] = useState({ data: null, error: "", url: "" });
  const pace = useRef({ took: 0, ended: 0 });
  useEffect(() => {
    if (!url) return undefined;
    let left = false;
    const since = performance.now() - pace.current.ended;
    const wait = state.url === url ? Math.max(0, 2 * pace.current.took - since) : 0;
    const timer = setTimeout(async () => {
      const began = performance.now();
      try {
        const data = await get(url);
        if (!left) set((old) => (old.data === data && old.url === url && !old.error ? old : { data, error: "", url }));
      } catch (error) {
        if (!left) set((old) => ({ ...old, error: error.message }));
      }
      pace.current = { took: performance.now() - began, ended: performance.now() };
    }, wait);
    return () => { left = true; clearTimeout(timer); };
  }, [url, version]);
  return url ? state : { data: null, error: "", url };
}

// -- addresses -----------------------------------------------------------------------------------

const here = () => (saved ? saved.address : location.pathname + location.search);

function go(address, replace = false) {
  if (saved) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  dispatchEvent(new Event("popstate"));
  if (!replace) { scrollTo(0, 0); document.getElementById("main")?.focus({ preventScroll: true }); }
}

// One setting of the address, so that a link shows what its sender saw.
function useSetting(name, otherwise = "") {
  const read = () => new URL(here(), "http://x").searchParams.get(name) ?? otherwise;
  const [value, set] = useState(read);
  useEffect(() => {
    const follow = () => set(read());
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, [name]);
  const change = useCallback((next) => {
    set(next);
    if (saved) return;
    const url = new URL(location.href);
    if (next === otherwise || next === "") url.searchParams.delete(name);
    else url.searchParams.set(name, next);
    history.replaceState(null, "", url.pathname + url.search);
  }, [name]);
  return [value, change];
}

const studyAddress = (name) => `/study/${encodeURIComponent(name)}`;
const runAddress = (run) => `/run/${encodeURIComponent(run)}`;

function Link({ to, children, ...more }) {
  const follow = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(to);
  };
  if (saved) return html`<span ...${more}>${children}</span>`;
  return html`<a href=${to} onClick=${follow} ...${more}>${children}</a>`;
}

// -- news ----------------------------------------------------------------------------------------

// One stream for the page. It is closed while the tab is hidden and goes on where it was.
const news = { versions: {}, drivers: [], moment: "", connected: true, listeners: new Set() };

function listen() {
  if (saved) return;
  let source = null;
  const tell = () => news.listeners.forEach((listener) => listener());
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(`/api/stream?since=${encodeURIComponent(news.moment)}`);
    source.addEventListener("store", (event) => {
      news.moment = event.lastEventId;
      news.versions = { ...news.versions, ...JSON.parse(event.data).studies };
      tell();
    });
    source.addEventListener("live", (event) => { news.drivers = JSON.parse(event.data); tell(); });
    source.onopen = () => { news.connected = true; tell(); };
    source.onerror = () => { news.connected = false; tell(); };
  };
  const close = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  open();
}

function useNews() {
  const [, again] = useState(0);
  useEffect(() => {
    const listener = () => again((n) => n + 1);
    news.listeners.add(listener);
    return () => news.listeners.delete(listener);
  }, []);
  return news;
}

const driversOf = (study) => news.drivers.filter((d) => d.study === study);

// -- words ---------------------------------------------------------------------------------------

function duration(seconds) {
  if (seconds === null || seconds === undefined || !isFinite(seconds)) return "";
  if (seconds < 1) return `${(1000 * seconds).toFixed(0)} ms`;
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const count = (n) => Number(n).toLocaleString("en");
const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
const minus = (text) => String(text).replace(/(^|[^\w.])-(?=\d)/g, "$1\u2212");

// A number with as many decimals as all in its column.
const fixed = (value, decimals) => (typeof value !== "number" ? "-" : decimals ? minus(value.toFixed(decimals)) : minus(count(Math.round(value))));

function short(value) {
  if (value === null || value === undefined) return "-";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return count(value);
  return minus(Math.abs(value) >= 1000 ? count(Math.round(value)) : String(+value.toPrecision(5)));
}

const theme = matchMedia("screen and (prefers-color-scheme: dark)"); // paper is white

function useTheme() {
  const [dark, set] = useState(theme.matches);
  useEffect(() => {
    const follow = () => set(theme.matches);
    theme.addEventListener("change", follow);
    return () => theme.removeEventListener("change", follow);
  }, []);
  return dark;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
