import type { Services } from '../../../src/http/services.ts';
import { Measurements } from '../../../src/measurements/measurements.ts';

/** Services that are never called: enough to define the routes. */
export function unusedServices(): Services {
  const anything: unknown = new Proxy(() => {}, {
    get: (_, name) => (name === 'then' || typeof name === 'symbol' ? undefined : anything),
  });
  const own: Record<string, unknown> = {
    trustProxy: null,
    adminToken: null,
    authMode: 'token',
    measurements: new Measurements(),
  };
  return new Proxy({} as Services, { get: (_, name) => own[String(name)] ?? (name in own ? null : anything) });
}
