// SPDX-License-Identifier: Apache-2.0
// The few rules that no other view needs; a sheet of its own, so that the page's first one is small.
const RULES = `
.gateway section { margin-block: 24px; }
.gateway dl { display: flex; flex-wrap: wrap; gap: 8px 32px; margin: 0 0 12px; }
.gateway dt { font-size: 0.85rem; color: var(--muted); }
.gateway dd { margin: 0; }
.gateway h2 { margin-block-end: 8px; }
.gateway pre { overflow: auto; max-block-size: 24em; margin: 8px 0; padding: 8px;
  background: var(--surface); border: 1px solid var(--hairline); border-radius: var(--radius);
  font-size: 0.85rem; }
.gateway textarea { inline-size: 100%; min-block-size: 16em; padding: 8px; color: inherit;
  font: 0.85rem/1.4 monospace; background: var(--surface); border: 1px solid var(--control);
  border-radius: var(--radius); }
.gateway .commands { display: flex; flex-wrap: wrap; column-gap: 24px; }
.gateway form { display: flex; flex-wrap: wrap; gap: 8px; align-items: end; margin-block: 8px; }
.gateway form label { display: grid; font-size: 0.85rem; }
.gateway form input, .gateway form select { inline-size: 8em; min-block-size: var(--target); }
.gateway td { overflow-wrap: anywhere; vertical-align: top; }
.gateway .pair { display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22em), 1fr)); }
`;

const sheet = new CSSStyleSheet();
sheet.replaceSync(RULES);
document.adoptedStyleSheets.push(sheet);
