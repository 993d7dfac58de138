/** True in `npm run test:long`: the random tests run for their full time; in `npm test`, for a part of it. */
export const IS_LONG_RUN = process.env.LONG === '1';

/** True in `npm run test:unit`, which is to end within seconds: random tests run for a fraction of what they do in `npm test`. */
export const IS_QUICK_RUN = process.env.UNIT_ONLY === '1';
