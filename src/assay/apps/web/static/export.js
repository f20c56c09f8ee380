// Saving the page as one file: scripts, styles and the data that were fetched, and nothing else.
"use strict";

async function savePage() {
  const files = JSON.parse(document.body.dataset.files);
  const text = async (name) => (await fetch(`/static/${name}`)).text();
  const styles = await Promise.all(files.styles.map(text));
  const scripts = await Promise.all(files.scripts.map(text));
  const data = JSON.stringify({ address: here(), data: Object.fromEntries([...fetched].map(([url, { data }]) => [url, data])) }).replaceAll("<", "\\u003c");
  const close = (script) => script.replaceAll("</script", "<\\/script");
  const hashes = await Promise.all(scripts.map(async (script) => {
    const sum = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(close(script)));
    return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(sum)))}'`;
  }));
  const policy = `default-src 'none'; script-src ${hashes.join(" ")}; style-src 'unsafe-inline'; img-src data:`;
  const title = document.title.replace(/[<&]/g, (c) => (c === "<" ? "&lt;" : "&amp;"));
  const page = ["<!doctype html>", '<html lang="en">', '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">', '<meta name="color-scheme" content="light dark">',
    `<title>${title}</title>`, ...styles.map((s) => `<style>${s}</style>`),
    '<body data-pages="{}"><div id="app"></div>', `<script type="application/json" id="saved">${data}</script>`,
    ...scripts.map((s) => `<script>${close(s)}</script>`), "</body></html>"].join("\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([page], { type: "text/html" }));
  link.download = `${document.title.replace(/[^\w@.-]+/g, "-")}.html`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
