import { mock } from 'node:test';
import { expect } from 'chai';
import { AlertClaims } from '../../../../src/web/home/model/alerts/alert-claims.ts';
import { Stored } from '../../../../src/web/shared/stored.ts';
import { memoryStore } from '../../../support/pages/memory-store.ts';

/** No tab waits longer before it alerts. */
const MAX_WAIT_MS = 500;

describe('Alerts to a message in several tabs', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  const isNumber = (value: unknown): value is number => typeof value === 'number';
  function tabs(): [AlertClaims, AlertClaims] {
    const store = memoryStore();
    const tab = () => new AlertClaims(new Stored(() => store, 'alerted.', isNumber));
    return [tab(), tab()];
  }

  it('come from exactly one tab for each message', () => {
    const [one, other] = tabs();
    const alerts: number[] = [];
    for (const id of [10, 11]) {
      for (const tab of [one, other]) tab.claimSoon(7, id, () => alerts.push(id));
      mock.timers.tick(MAX_WAIT_MS);
    }
    expect(alerts).to.deep.equal([10, 11]);
  });

  it('do not come if one of the tabs shows the message', () => {
    const [one, other] = tabs();
    let alerts = 0;
    one.claimSoon(7, 10, () => {
      alerts += 1;
    });
    expect(other.claim(7, 10)).to.equal(true);
    mock.timers.tick(MAX_WAIT_MS);
    expect(alerts).to.equal(0);
    expect(one.claim(8, 10), 'in another group').to.equal(true);
  });
});
