/** The pages that the service worker keeps, by the last part of their paths, each with the files that it loads. */
export type OfflinePages = Readonly<Record<string, readonly string[]>>;

/**
 * Returns true if a response has the content that belongs to these pages. While nodes of two versions run, one of them may send its
 * own version's file under the other's name. The names of all files but the pages have a hash of their content.
 */
export async function isOfVersion(pages: OfflinePages, file: string, response: Response): Promise<boolean> {
  if (response.status !== 200) return false;
  const loaded = pages[file];
  if (loaded !== undefined) {
    const html = await response.text();
    return loaded.every((other) => html.includes(`"${other}"`));
  }
  const [, named] = /\.([0-9a-f]{12})\.[a-z]+$/.exec(file) ?? [];
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await response.arrayBuffer()));
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return named === hash.slice(0, 12);
}
