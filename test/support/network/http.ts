export * from '../../../src/prove/http.ts';
