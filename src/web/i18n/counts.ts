/** Returns a number of messages as the pages show it: the nodes count unread ones up to 1000. */
export const shownCount = (count: number): string => (count < 1000 ? String(count) : '1000+');
