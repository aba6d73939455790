import { escapeXml } from './xml.js';

/** A part of a page; `html` is safe already. */
export interface Section {
  readonly title: string;
  readonly html: string;
}

const style = `
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #fff; --line: #d8d8dc; --soft: #6b6b70; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8ea; --paper: #17181a; --line: #38393d; --soft: #9a9aa0; } }
body { margin: 0 auto; max-width: 74rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
p { max-width: 64rem; } h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; } th, td { text-align: left; padding: 0.2rem 1rem 0.2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 500; color: var(--soft); white-space: nowrap; } td { overflow-wrap: anywhere; }
.grid td { white-space: pre; font-variant-numeric: tabular-nums; } .grid tr:first-child th { white-space: normal; vertical-align: bottom; }`;

/** A page that needs no other file: follows the reader's light or dark theme, and narrow screens. */
export function htmlPage(title: string, sections: readonly Section[]): string {
  const body = sections.map((section) => `<h2>${escapeXml(section.title)}</h2>\n${section.html}`).join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title>
<style>${style}
</style>
<h1>${escapeXml(title)}</h1>
${body}
</html>
`;
}

/** Two columns: names and values. */
export function htmlTable(rows: readonly (readonly [name: string, value: string])[]): string {
  const lines = rows.map(([name, value]) => `<tr><th>${escapeXml(name)}</th><td>${escapeXml(value)}</td></tr>`);
  return `<div class="wide"><table>${lines.join('\n')}</table></div>`;
}

/** A table with a head; the first column names the rows. Cells may have lines. */
export function htmlGrid(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, texts: readonly string[]) => texts.map((text) => `<${tag}>${escapeXml(text)}</${tag}>`);
  const lines = rows.map(
    ([name, ...values]) => `<tr>${cells('th', [name!]).join('')}${cells('td', values).join('')}</tr>`,
  );
  return `<div class="wide"><table class="grid"><tr>${cells('th', head).join('')}</tr>\n${lines.join('\n')}</table></div>`;
}

/** Paragraphs of plain text. */
export const htmlText = (paragraphs: readonly string[]): string =>
  paragraphs.map((text) => `<p>${escapeXml(text)}</p>`).join('\n');

/** A part that the reader unfolds; `html` is safe already. */
export const htmlFolded = (html: string): string => `<details><summary>Show</summary>\n${html}</details>`;

/** Text as it is, line by line. */
export const htmlPre = (text: string): string => `<div class="wide"><pre>${escapeXml(text)}</pre></div>`;

/** A drawing as part of the page, as wide as it is; a narrow screen scrolls it. */
export const htmlSvg = (svg: string): string => `<div class="wide">${svg}</div>`;

/** An image as part of the page. */
export function htmlImage(png: Uint8Array, alt: string): string {
  return `<img alt="${escapeXml(alt)}" src="data:image/png;base64,${Buffer.from(png).toString('base64')}">`;
}
