import { isIP } from 'node:net';
import type { Request } from 'express';
import { clientAddressOf } from '../../request/checks/client-address.ts';
import type { Services } from '../../services.ts';

/** Returns the operator who sent a request, as the history names them: by address, since the ADMIN_TOKEN has no name. */
export function requesterOf(request: Request, authMode: Services['authMode']) {
  const address = clientAddressOf(request);
  const proof = authMode === 'token' ? ' with the ADMIN_TOKEN' : '';
  return { name: `HTTP client ${address}${proof}`, address: isIP(address) === 0 ? null : address };
}
