import { expect } from 'chai';
import { docsPageOf } from '../../../../src/http/docs/docs-page.ts';
import { openApiOf } from '../../../../src/http/docs/openapi.ts';
import { allRoutes } from '../../../../src/http/routes/index.ts';
import { type DocsEntry, inEnglish, search } from '../../../../src/web/docs/search.ts';
import { docs as portuguese } from '../../../../src/web/i18n/pt-br/docs.ts';
import { unusedServices } from '../../../support/nodes/unused-services.ts';

interface Part extends DocsEntry {
  id: string;
}

const plain = (html: string) =>
  html
    .replace(/<[^>]+>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'");

/** Reads the page as searchable-parts.ts does. */
function partsOf(html: string): Part[] {
  const chapters = [...html.matchAll(/<div class="chapter"><h2 id="([^"]+)">(.*?)<\/h2>(.*?)<\/div>/gs)].map(
    ([, id = '', title = '', text = '']): Part => ({ kind: 'chapter', id, title: plain(title), text: plain(text) }),
  );
  const sections = [...html.matchAll(/<section id="([^"]+)" data-title="([^"]*)" data-text="([^"]*)"/g)].map(
    ([, id = '', title = '', text = '']): Part => {
      const kind = id.startsWith('event-') ? 'event' : 'operation';
      return { kind, id, title: plain(title), text: plain(text) };
    },
  );
  return [...chapters, ...sections];
}

/** The words that a new developer types, and the section that must be the first result. */
const QUESTIONS: readonly (readonly [query: string, first: string])[] = [
  ['send message', 'postMessages'],
  ['login', 'postLogin'],
  ['sign in', 'postLogin'],
  ['sign up', 'postRegister'],
  ['log out', 'postLogout'],
  ['long poll', 'getSubscribeStatus'],
  ['unread', 'getChats'],
  ['delete group', 'deleteGroups'],
  ['create group', 'postCreateChat'],
  ['add member', 'postGroupUsers'],
  ['leave group', 'deleteGroupUsers'],
  ['edit', 'patchMessages'],
  ['delete message', 'deleteMessages'],
  ['token', 'guide-authentication-and-tokens'],
  ['upload', 'guide-limits'],
  ['rate limit', 'guide-limits'],
  ['410', 'guide-cursors'],
  ['hook', 'postHooks'],
  ['webhook', 'getHooks'],
  ['presence', 'getPresence'],
  ['typing', 'postTyping'],
  ['websocket', 'guide-streams'],
  ['sse', 'guide-streams'],
  ['search messages', 'getSearch'],
  ['reactions', 'postReactions'],
  ['read receipts', 'postRead'],
  ['direct message', 'postDirect'],
  ['invite', 'postInvitations'],
  ['password', 'postPassword'],
  ['history', 'getMessages'],
  ['delete account', 'postDeleteAccount'],
  ['failover', 'guide-writes-and-failover'],
  ['reply', 'postMessages'],
  ['health', 'getHealth'],
  ['reconnect', 'guide-writes-and-failover'],
  ['heartbeat', 'getHealth'],
  ['who is online', 'getPresence'],
  ['kick', 'deleteGroupUsers'],
  ['ban', 'deleteGroupUsers'],
  ['kick member', 'deleteGroupUsers'],
  ['CORS', 'guide-cors-and-other-origins'],
  ['cross-origin', 'guide-cors-and-other-origins'],
  ['rename group', 'patchGroups'],
  ['rename', 'patchMe'],
];

describe('The filter of /docs', () => {
  let parts: Part[];

  before(async () => {
    const document = await openApiOf(allRoutes(unusedServices()), { version: '1.2.3', authMode: 'token' });
    parts = partsOf(docsPageOf(document, 'http://localhost'));
  });

  for (const [query, first] of QUESTIONS) {
    it(`leads "${query}" to ${first}`, () => {
      expect(
        search(parts, query)[0]?.id,
        search(parts, query)
          .slice(0, 5)
          .map(({ title }) => title)
          .join(' | '),
      ).to.equal(first);
    });
  }

  it('leads Portuguese words to the same parts, and leaves other words and paths as they are', () => {
    const first = (query: string) => search(parts, inEnglish(query, portuguese.words))[0]?.id;
    const found = [
      'enviar mensagem',
      'entrar',
      'Sair',
      'criar grupo',
      'buscar mensagens',
      'reação',
      'convite',
      'digitando',
    ];
    expect(found.map(first)).to.deep.equal([
      ...['postMessages', 'postLogin', 'postLogout', 'postCreateChat', 'getSearch', 'postReactions', 'postInvitations'],
      'postTyping',
    ]);
    for (const text of ['zzzz', '/mensageria', 'erroneous', 'GET /chats'])
      expect(inEnglish(text, portuguese.words)).to.equal(text);
  });

  it('finds nothing for words that are nowhere, and everything in its order without any', () => {
    expect(search(parts, 'zzzz')).to.deep.equal([]);
    expect(search(parts, ' ')).to.deep.equal(parts);
  });

  it('does not find words within other words', () => {
    expect(search(parts, 'sse').map(({ id }) => id)).not.to.include('getAssetsFile');
  });
});
