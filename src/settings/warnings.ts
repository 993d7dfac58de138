import type { Settings } from '../settings.ts';
import { jwtWarnings } from './jwt-settings.ts';
import { isLoopback } from './loopback.ts';

/** Returns warnings about settings that are allowed but dangerous. */
export function settingsWarnings(settings: Settings): string[] {
  if (settings.auth === 'token') return jwtWarnings(settings.jwt);
  const warnings: string[] = [];
  if (!isLoopback(settings.host)) {
    warnings.push(
      `AUTH=open on HOST=${settings.host}: anyone who reaches this node can read and write as any user, and stop it. Set AUTH=token`,
    );
  }
  if (settings.adminToken !== null) {
    warnings.push('ADMIN_TOKEN has no effect with AUTH=open: anyone can operate the cluster. Set AUTH=token');
  }
  if (settings.corsOrigin.includes('*')) {
    warnings.push(
      'CORS_ORIGIN=* and AUTH=open: every web page open in a browser on this machine can read and write as any user',
    );
  }
  if (settings.allowedHosts.includes('*')) {
    warnings.push(
      'ALLOWED_HOSTS=* and AUTH=open: a web page whose host name resolves to this machine can read and write as any user',
    );
  }
  return warnings;
}
