export * from '../../../src/prove/rig/tcp-proxy.ts';
