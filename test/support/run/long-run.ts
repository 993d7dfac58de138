/** True in `npm run test:long`: the random tests run for their full time; in `npm test`, for a part of it. */
export const IS_LONG_RUN = process.env.LONG === '1';
