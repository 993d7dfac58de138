const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Escapes text for HTML. */
export function escapeHtml(text = ''): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
