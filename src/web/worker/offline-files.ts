/** The page; all other files have a hash of their content in their names. */
export const PAGE = 'home';

/**
 * Returns true if a response has the content that belongs to a list of files. While nodes of two versions run, one of them may
 * send its own version's file under the other's name.
 */
export async function isOfVersion(files: readonly string[], file: string, response: Response): Promise<boolean> {
  if (response.status !== 200) return false;
  if (file === PAGE) {
    const html = await response.text();
    return files.every((other) => other === PAGE || html.includes(`"${other}"`));
  }
  const [, named] = /\.([0-9a-f]{12})\.[a-z]+$/.exec(file) ?? [];
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await response.arrayBuffer()));
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return named === hash.slice(0, 12);
}
