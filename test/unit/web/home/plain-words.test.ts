import { expect } from 'chai';
import { chat } from '../../../../src/web/i18n/en/chat.ts';
import { common } from '../../../../src/web/i18n/en/common.ts';
import { dialogs } from '../../../../src/web/i18n/en/dialogs.ts';
import { errors } from '../../../../src/web/i18n/en/errors.ts';
import { chat as chatPtBr } from '../../../../src/web/i18n/pt-br/chat.ts';
import { cluster as clusterPtBr } from '../../../../src/web/i18n/pt-br/cluster.ts';
import { common as commonPtBr } from '../../../../src/web/i18n/pt-br/common.ts';
import { dialogs as dialogsPtBr } from '../../../../src/web/i18n/pt-br/dialogs.ts';
import { errors as errorsPtBr } from '../../../../src/web/i18n/pt-br/errors.ts';

/** Returns every text below a value; a function as it is written. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  // Without the names of its variables.
  if (typeof value === 'function')
    return [...String(value).matchAll(/['"`](.*?)['"`]/g)].map(([, text = '']) => text.replaceAll(/\$\{.*?\}/g, ''));
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

describe('The texts of the chat page', () => {
  it('contain no technical words', () => {
    const texts = [chat, dialogs, errors, chatPtBr, dialogsPtBr, errorsPtBr, common.role, commonPtBr.role].flatMap(
      textsIn,
    );
    expect(texts).to.have.length.greaterThan(400);
    // Not \b, for which a word ends before the ó.
    const machineWord =
      /(?<!\p{L})(fallen|cluster|lease|fence|epoch|quorum|leader|failover|primary|term|nodes?|nós?)(?!\p{L})/iu;
    expect(texts.filter((text) => machineWord.test(text))).to.deep.equal([]);
  });

  it('use one word for a node that was taken out of service, in the bar and in notices', () => {
    expect(common.role.fallen).to.equal('out of service');
    expect(chat.lost.fallen('node-1')).to.equal('node-1 was taken out of service');
    expect(commonPtBr.role.fallen).to.equal('fora de serviço');
    expect(chatPtBr.lost.fallen('node-1')).to.equal('node-1 foi retirado de serviço');
  });

  it('say in Brazilian Portuguese “Escrever para alguém”, and “encerrado” for a stopped node', () => {
    expect(chatPtBr.writeToPerson).to.equal('Escrever para alguém');
    const { ended, moved, role } = clusterPtBr;
    expect([ended.stop?.('node-1'), ended.stopped?.('node-1'), moved.stopped('node-1'), role.stopped]).to.deep.equal([
      'node-1 foi encerrado',
      'node-1 foi encerrado',
      'node-1 foi encerrado.',
      'encerrado',
    ]);
  });
});
