/**
 * Text from a file nobody vouches for, made safe for a terminal and for what reads JSON.
 *
 * Guarantees: no control character, no invisible or direction-changing one and no line break is left as it is; each becomes its
 * escape, so that what was there can be told.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

export function printable(text: string): string {
  return text.replace(unsafe, escaped);
}

/** One line; as `JSON.stringify`, with everything unsafe escaped too. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(unsafe, escaped);
}

/** As JSON has it: UTF-16 units, so a character beyond the first plane becomes two. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}
