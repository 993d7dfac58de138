/*
 * The load generator: a process of its own, so that its work does not count as the server's. Controlled over IPC (load.ts).
 */
import { registerHandlers } from '../common/probe.ts';
import { deliveryLoad } from './delivery-load.ts';
import { drive } from './drive.ts';
import { ParkedPolls } from './park.ts';
import type { ParkSpec, WakeSpec } from './requests.ts';

let parked: ParkedPolls | null = null;

registerHandlers({
  drive,
  deliveryLoad,
  async open(spec: ParkSpec) {
    parked?.close();
    parked = new ParkedPolls(spec);
    await parked.open();
  },
  park: () => parked?.park(),
  early: () => parked?.early,
  wake: (spec: WakeSpec) => parked?.wake(spec),
  close() {
    parked?.close();
    parked = null;
  },
});
process.channel?.ref();
console.log('ready');
