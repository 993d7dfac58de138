import { expect } from 'chai';
import { AlertClaims } from '../../../../src/web/home/model/alerts/alert-claims.ts';
import { Stored } from '../../../../src/web/shared/stored.ts';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { memoryStore } from '../../../support/pages/memory-store.ts';

describe('Alerts to a message in several tabs', () => {
  const isNumber = (value: unknown): value is number => typeof value === 'number';
  function tabs(): [AlertClaims, AlertClaims] {
    const store = memoryStore();
    const tab = () => new AlertClaims(new Stored(() => store, 'alerted.', isNumber));
    return [tab(), tab()];
  }

  it('come from exactly one tab for each message', async () => {
    const [one, other] = tabs();
    const alerts: number[] = [];
    for (const id of [10, 11]) {
      for (const tab of [one, other]) tab.claimSoon(7, id, () => alerts.push(id));
      await eventually('an alert', () => alerts.includes(id));
    }
    await always('none comes twice', () => alerts.length === 2, { forMs: 700 });
  });

  it('do not come if one of the tabs shows the message', async () => {
    const [one, other] = tabs();
    let alerts = 0;
    one.claimSoon(7, 10, () => {
      alerts += 1;
    });
    expect(other.claim(7, 10)).to.equal(true);
    await always('there is no alert', () => alerts === 0, { forMs: 700 });
    expect(one.claim(8, 10), 'in another group').to.equal(true);
  });
});
