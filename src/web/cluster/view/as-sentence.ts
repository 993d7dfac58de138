/** Returns the text with a capital letter, unless it begins with `name`: the name of a node is written as it is. */
export const asSentence = (text: string, name: string) =>
  text.startsWith(name) ? text : text.charAt(0).toUpperCase() + text.slice(1);
