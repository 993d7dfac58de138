import { expect } from 'chai';
import type { z } from 'zod';
import { docsPageOf } from '../../../../src/http/docs/docs-page.ts';
import { EVENT_KINDS } from '../../../../src/http/docs/event-kinds.ts';
import { type OpenApi, type OpenApiOperation, openApiOf } from '../../../../src/http/docs/openapi.ts';
import { allRoutes } from '../../../../src/http/routes/index.ts';
import { unusedServices } from '../../../support/nodes/unused-services.ts';

describe('The documentation page', () => {
  let document: OpenApi;
  let page: string;
  let operations: OpenApiOperation[];
  /** Turns of the event loop while the document was made. */
  let turns = 0;

  before(async () => {
    let isDone = false;
    const count = () => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    count();
    document = await openApiOf(allRoutes(unusedServices()), { version: '1.2.3', authMode: 'token' });
    isDone = true;
    page = docsPageOf(document, 'http://localhost:8080');
    operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  });

  it('is made in small steps, between which the node does other work', () => {
    expect(turns).to.be.at.least(operations.length);
  });

  it('has a section, a command line and a form for each operation', () => {
    const sections = page.split('<section ').slice(1);
    for (const { operationId } of operations) {
      const section = sections.find((one) => one.startsWith(`id="${operationId}"`)) ?? '';
      expect(section, operationId).to.match(/<div class="curl"><code data-head="curl[^>]*>curl .*\n?/);
      expect(section, operationId).to.include('<form data-method=');
    }
  });

  it('shows an example of each JSON response', () => {
    const withResponse = operations.filter(({ responses }) => JSON.stringify(responses).includes('"example"'));
    expect(withResponse.length).to.be.above(20);
    expect(page.match(/<summary>Response 20\d<\/summary>/g)?.length).to.equal(withResponse.length);
  });

  it('explains each kind of event once, with an example', () => {
    for (const [kind, meaning] of Object.entries(EVENT_KINDS)) {
      expect(page, kind).to.include(`<section id="event-${kind}"`);
      expect(meaning).to.match(/\.$/);
    }
  });

  it('describes the fields of a request in the words of their schemas', () => {
    for (const { input, method, path } of allRoutes(unusedServices())) {
      const operation = JSON.stringify(document.paths[path.replace(/:(\w+)/g, '{$1}')]?.[method]);
      for (const [name, field] of Object.entries((input as z.ZodObject).shape)) {
        const { description } = field as z.ZodType;
        if (description) expect(operation, `${method} ${path} ${name}`).to.include(JSON.stringify(description));
      }
    }
  });

  it('keeps the limits of a field that has a description', () => {
    const { content } = document.paths['/read']?.post?.requestBody as {
      content: Record<string, { schema: { properties: Record<string, object> } }>;
    };
    expect(content['application/json']?.schema.properties.messageId).to.deep.equal({
      type: 'integer',
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'The last message that was read.',
    });
  });

  it('lists the error codes once', () => {
    expect(page.match(/<td><code>not_active<\/code><\/td>/g)).to.have.length(1);
  });

  it('has no dangling link, no inline script or style, and loads nothing from elsewhere', () => {
    for (const [, place] of page.matchAll(/href="#([^"]+)"/g)) expect(page).to.include(`id="${place}"`);
    expect(page).to.not.match(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:/i);
    expect(page).to.not.match(/\b(?:src|href)=["'](?:https?:)?\/\//i);
  });

  it('links to the chat and to the cluster page', () => {
    for (const address of ['home', 'cluster']) expect(page).to.include(`<a href="${address}">`);
  });
});
