import { expect } from 'chai';
import { get, type JsonObject, post, request } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { BRUNO, chatCalls, expectMissing } from '../chat-calls.ts';

interface Found {
  messages: { id: number; content: string; group_id: number; group: string; sender: string }[];
  next_before: number | null;
  partial: boolean;
}

describe('GET /search', () => {
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const { on, both, newGroup, send } = chatCalls(nodes);
  const query = (q: string, more: JsonObject = {}) =>
    `/search?${new URLSearchParams({ userId: '1', q, ...more } as Record<string, string>)}`;
  /** Searches on both nodes, which must find the same; returns the contents. */
  const contents = async (q: string, more: JsonObject = {}) => {
    const found: string[][] = [];
    await both(query(q, more), ({ status, body }) => {
      expect(status, JSON.stringify(body)).to.equal(200);
      found.push((body as unknown as Found).messages.map(({ content }) => content));
    });
    expect(found[0]).to.deep.equal(found[1]);
    return found[0] ?? [];
  };

  it('finds messages newest first with their group, sender and matching parts', async () => {
    const groupId = await newGroup('Busca');
    const { message_id: first } = await send(groupId, 'Relatório de vendas');
    const { message_id: second, timestamp } = await send(groupId, 'o RELATORIO novo');
    const { body } = await get<Found>(on(query('relatório')));
    expect(body.messages.map(({ id }) => id)).to.deep.equal([second, first]);
    expect(body).to.deep.include({ next_before: null, partial: false });
    expect(body.messages[0]).to.deep.equal({
      id: second,
      group_id: groupId,
      group: 'Busca',
      sender: 'ana_orm',
      sender_id: 1,
      content: 'o RELATORIO novo',
      timestamp,
      parts: [
        { text: 'o ', match: false },
        { text: 'RELATORIO', match: true },
        { text: ' novo', match: false },
      ],
    });
  });

  it('finds parts of words, ideographs, symbols, phrases, and whole words of two letters', async () => {
    const groupId = await newGroup('Formas');
    const texts = [
      'desenvolvimento',
      '明日の会議は三時です',
      'queda de 37%',
      'tudo ok por aqui',
      'o bloco',
      'bom\n dia a todos',
    ];
    for (const content of texts) await send(groupId, content);
    const only = (q: string) => contents(q, { groupId });
    expect(await only('volvi')).to.deep.equal(['desenvolvimento']);
    expect(await only('会議')).to.deep.equal(['明日の会議は三時です']);
    expect(await only('%')).to.deep.equal(['queda de 37%']);
    expect(await only('37%')).to.deep.equal(['queda de 37%']);
    expect(await only('ok')).to.deep.equal(['tudo ok por aqui']);
    expect(await only('o')).to.deep.equal(['o bloco']);
    expect(await only('"bom dia"')).to.deep.equal(['bom\n dia a todos']);
    expect(await only('"dia bom"')).to.deep.equal([]);
    expect(await only('todos bom')).to.deep.equal(['bom\n dia a todos']);
    expect(await only('_')).to.deep.equal([]);
  });

  it('continues with next_before, without gap or overlap', async () => {
    const groupId = await newGroup('Páginas');
    for (let n = 1; n <= 7; n++) await send(groupId, `página ${n}`);
    const pages: string[][] = [];
    let before: number | null = null;
    do {
      const { body }: { body: Found } = await get<Found>(
        on(query('pagina', { groupId, limit: 3, ...(before === null ? {} : { before }) })),
      );
      pages.push(body.messages.map(({ content }) => content.slice(-1)));
      before = body.next_before;
    } while (before !== null);
    expect(pages).to.deep.equal([['7', '6', '5'], ['4', '3', '2'], ['1']]);
  });

  it('can be limited to a group and to a sender', async () => {
    const [one, other] = [await newGroup('Um', ['bruno_orm']), await newGroup('Outro', ['bruno_orm'])];
    await send(one, 'limite de ana');
    await send(one, 'limite de bruno', 2);
    await send(other, 'limite em outro');
    expect(await contents('limite', { groupId: one })).to.deep.equal(['limite de bruno', 'limite de ana']);
    expect(await contents('limite', { senderId: 2 })).to.deep.equal(['limite de bruno']);
    expect(await contents('limite', { groupId: other, senderId: 2 })).to.deep.equal([]);
  });

  it('finds only messages of groups that the caller is in now', async () => {
    const groupId = await newGroup('Segredos');
    await send(groupId, 'segredo xyzzy');
    const { body: direct } = await post(on('/direct'), { userId: 1, otherUserId: 2 });
    await send(direct.group_id as number, 'xyzzy entre nós');
    expect(await contents('xyzzy', { userId: 2 })).to.deep.equal(['xyzzy entre nós']);
    expect(await contents('xyzzy')).to.deep.equal(['xyzzy entre nós', 'segredo xyzzy']);
    const foreign = await get(on(query('xyzzy', { userId: 2, groupId })));
    expect([foreign.status, foreign.body.code]).to.deep.equal([403, 'not_a_member']);
    await post(on('/group-users'), { groupId, userId: BRUNO.id });
    expect(await contents('segredo', { userId: 2 })).to.deep.equal(['segredo xyzzy']);
    await request('DELETE', on(`/group-users?groupId=${groupId}&userId=2`));
    expect(await contents('segredo', { userId: 2 })).to.deep.equal([]);
    expectMissing(await get(on(query('xyzzy', { userId: 987654 }))), 'user_not_found');
  });

  it('finds what psql inserts and edits, and nothing that was edited away or deleted', async () => {
    const groupId = await newGroup('psql');
    await sql.query(`INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, 2, 'trovão antigo')`, [
      groupId,
    ]);
    expect(await contents('trovao')).to.deep.equal(['trovão antigo']);
    await sql.query(`UPDATE plantao.messages SET content = 'relâmpago' WHERE group_id = $1`, [groupId]);
    expect(await contents('trovao')).to.deep.equal([]);
    expect(await contents('RELAMPAGO')).to.deep.equal(['relâmpago']);
    await sql.query('DELETE FROM plantao.messages WHERE group_id = $1', [groupId]);
    expect(await contents('relampago')).to.deep.equal([]);
    const { message_id: messageId } = await send(groupId, 'granizo');
    await request('DELETE', on(`/messages?messageId=${messageId}`));
    expect(await contents('granizo')).to.deep.equal([]);
    await send(groupId, 'neblina');
    await request('DELETE', on(`/groups?groupId=${groupId}&userId=1`));
    expect(await contents('neblina')).to.deep.equal([]);
  });

  it('refuses queries without a searchable character, and responds to all others', async () => {
    for (const q of ['', ' ', '\u0301', '\0', 'x'.repeat(257), 'x'.repeat(10_000), 'a b c d e f g h i']) {
      expect((await get(on(query(q)))).status, JSON.stringify(q.slice(0, 20))).to.equal(400);
    }
    expect((await get(on('/search?userId=1&q=%ED%A0%80'))).status).to.equal(400);
    expect((await get(on('/search?q=x'))).status).to.equal(400);
    expect((await get(on(query('x', { limit: 51 })))).status).to.equal(400);
    const awkward = [
      '\\',
      '***:x',
      '(?i)',
      '[a-',
      '.*',
      "'; --",
      '\\y',
      '^',
      '$',
      '{2}',
      '"',
      '""x',
      'ﬀ',
      '\u{1F469}\u200d',
      'ß',
    ];
    const long = ['ab'.repeat(128), 'e\u0301'.repeat(128), '漢'.repeat(256), '%'.repeat(256), '👩'.repeat(128)];
    for (const q of [...awkward, ...long]) expect((await get(on(query(q)))).status, JSON.stringify(q)).to.equal(200);
    const groupId = await newGroup('Sinais');
    for (const content of awkward) await send(groupId, `sinal ${content} fim`);
    for (const q of awkward.filter((one) => one !== '""x')) {
      expect(await contents(q, { groupId }), q).to.include(`sinal ${q} fim`);
    }
  });
});
