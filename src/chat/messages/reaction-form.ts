/** An emoji that looks like text unless the selector U+FE0F follows it. */
const TEXT_BY_DEFAULT = /(?![#*0-9]|\p{Emoji_Presentation})\p{Emoji}(?![\ufe0e\p{Emoji_Modifier}])/gu;

/**
 * Returns a reaction in the form that plantao.reaction_form() stores: ❤ with and without the selector U+FE0F, which clients
 * send as they like, is one reaction.
 */
export const reactionForm = (emoji: string): string =>
  emoji
    .replaceAll('\ufe0f', '')
    .replace(/[0-9#*](?=\u20e3)/g, '$&\ufe0f')
    .replace(TEXT_BY_DEFAULT, '$&\ufe0f');
