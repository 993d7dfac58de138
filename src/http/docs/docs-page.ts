/** `/docs`: the OpenAPI document for people, as one page of HTML. Its script adds the filter and the forms (src/web/docs/docs.ts). */

import { escapeHtml } from '../../text/escape-html.ts';
import type { JsonSchema } from '../contract/json-schema.ts';
import { eventKinds } from './event-kinds.ts';
import { anchorOf, chapters } from './html.ts';
import type { OpenApi } from './openapi.ts';
import { sectionOf } from './operation-section.ts';
import { schemaOf } from './schema-text.ts';
import type { Located } from './try-it.ts';

interface Section {
  name: string;
  description: string;
  operations: Located[];
}

/** Returns the page. It loads only files of this node; `url` is the address of the node. */
export function docsPageOf(document: OpenApi, url: string): string {
  const { title, version, description = '' } = document.info as Record<string, string>;
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = document.tags as { name: string; description: string }[];
  const sections = tags.map((tag) => ({
    ...tag,
    operations: all.filter(({ operation }) => operation.tags[0] === tag.name),
  }));
  const { schemas = {} } = document.components as Record<string, Record<string, JsonSchema>>;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} API</title>
<link rel="icon" href="assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/docs.css">
<meta name="texts-pt-BR" content="assets/docs-pt-br.js">
<script type="module" src="assets/docs.js"></script>
</head>
<body>
<header class="site-header">
<a class="brand" href="home"><img src="assets/icon.svg" alt="" width="24" height="24"> Plantão</a>
<nav aria-label="Pages"><a href="home">Chat</a><a href="cluster">Cluster</a><a href="docs" aria-current="page">API documentation</a></nav>
</header>
<div class="docs">
${tableOfContents(description, sections)}
<main lang="en">
<h1>${escapeHtml(title)} API <small>${escapeHtml(version)}</small></h1>
<p id="away" role="status" hidden></p>
<p id="descriptions" class="hint" hidden></p>
<p><span id="for-programs">For programs:</span> <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<div id="session" hidden><p id="signed-in"></p><label for="token">Token for requests from this page</label><input id="token" type="password" autocomplete="off" spellcheck="false" placeholder="from POST /login, or the ADMIN_TOKEN"></div>
<nav id="best" aria-label="Best matches" hidden><ol></ol></nav>
${chapters(description)}
${sections.map((one) => operationGroup(one, url)).join('\n')}
<div class="part"><h2 id="event-kinds">Event kinds</h2>
<p>The events that polls and streams deliver, by <code>kind</code>. Ignore kinds that you do not know.</p>
${eventKinds(schemas)}</div>
<div class="part"><h2 id="schemas">Schemas</h2>
${Object.entries(schemas).map(schemaOf).join('\n')}</div>
</main>
</div>
</body>
</html>
`;
}

function tableOfContents(description: string, sections: readonly Section[]): string {
  const headings = [...description.matchAll(/^## (.*)$/gm)].map(([, heading = '']) => heading);
  const guide = headings.map((heading) => `<li><a href="#${anchorOf(heading)}">${escapeHtml(heading)}</a></li>`);
  const operations = sections.map(
    ({ name, operations }) =>
      `<div class="part"><h2>${escapeHtml(name)}</h2><ul>${operations.map(linkTo).join('\n')}</ul></div>`,
  );
  return `<nav class="contents" aria-label="Contents">
<label for="filter">Filter</label><input id="filter" type="search" autocomplete="off" placeholder="path, method or word" aria-describedby="matches">
<p id="matches" class="hint" role="status"></p>
<details open><summary>Contents</summary>
<ul>${guide.join('\n')}</ul>
${operations.join('\n')}
<div class="part"><h2 id="reference">Reference</h2><ul><li><a href="#event-kinds">Event kinds</a></li><li><a href="#guide-errors">Error codes</a></li><li><a href="#schemas">Schemas</a></li></ul></div>
</details>
</nav>`;
}

const operationGroup = ({ name, description, operations }: Section, url: string) =>
  `<div class="part"><h2>${escapeHtml(name)}</h2><p>${escapeHtml(description)}</p>
${operations.map((one) => sectionOf(one, url)).join('\n')}</div>`;

const linkTo = ({ method, path, operation }: Located) =>
  `<li><a href="#${operation.operationId}"><b class="${method}">${method.toUpperCase()}</b> ${escapeHtml(path)}</a></li>`;
