import { expect } from 'chai';
import { curlOf, pauseRequest } from '../../../../src/web/cluster/model/operations.ts';

describe('The command line of a pause', () => {
  const bodyOf = (minutes: number, reason: string) =>
    /-d '(.*)' 'http:\/\/a\/pause'$/.exec(curlOf(pauseRequest('http://a', minutes, reason), false))?.[1];

  it('has the minutes and the reason', () => {
    expect(bodyOf(45, ' new disk ')).to.equal('{"minutes":45,"reason":"new disk"}');
  });

  it('leaves out what is empty, which a node would refuse as null', () => {
    expect(bodyOf(Number.NaN, ' ')).to.equal('{}');
  });
});
